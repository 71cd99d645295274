"""What a server counts, in Prometheus' text format."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds


class Metrics:
    """Requests by route and status, how long they took, documents, and loads of models. Routes are patterns, so that
    neither texts nor labels are in here."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.seconds: dict[str, list[int]] = defaultdict(lambda: [0] * (len(BOUNDS) + 1))  # by bucket
        self.total_seconds: Counter[str] = Counter()
        self.documents: Counter[str] = Counter()
        self.loads: Counter[tuple[str, str]] = Counter()

    def add_request(self, route: str, status: int, seconds: float) -> None:
        self.requests[route, status] += 1
        self.seconds[route][bisect_left(BOUNDS, seconds)] += 1
        self.total_seconds[route] += seconds  # type: ignore[assignment]  # a Counter takes fractions

    def lines(self, *, under_way: int) -> Iterator[str]:
        """Yield the lines of the text format."""
        yield "# TYPE xmlc_mhe_requests_total counter"
        for (route, status), number in sorted(self.requests.items()):
            yield f'xmlc_mhe_requests_total{{route="{route}",status="{status}"}} {number}'
        yield "# TYPE xmlc_mhe_request_seconds histogram"
        for route, buckets in sorted(self.seconds.items()):
            below = 0
            for bound, number in zip((*BOUNDS, "+Inf"), buckets, strict=True):
                below += number
                yield f'xmlc_mhe_request_seconds_bucket{{route="{route}",le="{bound}"}} {below}'
            yield f'xmlc_mhe_request_seconds_sum{{route="{route}"}} {self.total_seconds[route]:.6f}'
            yield f'xmlc_mhe_request_seconds_count{{route="{route}"}} {below}'
        yield "# TYPE xmlc_mhe_documents_total counter"
        for kind, number in sorted(self.documents.items()):
            yield f'xmlc_mhe_documents_total{{kind="{kind}"}} {number}'
        yield "# TYPE xmlc_mhe_model_loads_total counter"
        for (project, outcome), number in sorted(self.loads.items()):
            yield f'xmlc_mhe_model_loads_total{{project="{project}",outcome="{outcome}"}} {number}'
        yield "# TYPE xmlc_mhe_requests_under_way gauge"
        yield f"xmlc_mhe_requests_under_way {under_way}"
        if (resident := resident_bytes()) is not None:
            yield "# TYPE process_resident_memory_bytes gauge"
            yield f"process_resident_memory_bytes {resident}"


def resident_bytes() -> int | None:
    """Return the memory of this process that is not mapped from files; None where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    values = (line.split() for line in lines if line.startswith("RssAnon:"))
    return next((1024 * int(value) for _, value, _ in values), None)
