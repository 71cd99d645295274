"""How much a client may ask for, and how many requests are under way."""

from collections import Counter
from dataclasses import dataclass, fields

from ..checks import check_whole
from .problems import Problem

RETRY = {"Retry-After": "1"}


@dataclass(frozen=True)
class Limits:
    """What a request may cost; more is answered with a problem.

    Args:
        body_bytes: of a request; 413 beyond.
        documents: in a batch, or to learn from at once; 413 beyond.
        results: labels a document; a larger limit is cut.
        explained: labels of a request for explanations; 422 beyond.
        seconds: until the answer is there; 503 after that, and 408 where it is the request that takes so long.
        at_once: requests under way; 503 beyond.
        at_once_each: requests under way of one client address; 429 beyond.
    """

    body_bytes: int = 4_000_000
    documents: int = 256
    results: int = 1000
    explained: int = 50
    seconds: int = 30
    at_once: int = 256
    at_once_each: int = 64

    def __post_init__(self) -> None:
        for field in fields(self):
            check_whole(field.name, getattr(self, field.name))


class Gate:
    """Counts the requests under way, and refuses those beyond the limits."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.closing = False
        self._of_client: Counter[str] = Counter()
        self.under_way = 0

    def enter(self, client: str) -> None:
        """Count one more request of a client; each must `leave`.

        Raises: Problem: 429, 503.
        """
        if self._of_client[client] >= self.limits.at_once_each:
            most = self.limits.at_once_each
            raise Problem(429, f"A client must have at most {most} requests under way. Wait for their answers.", RETRY)
        if self.closing or self.under_way >= self.limits.at_once:
            raise Problem(503, "The server has more requests than it takes, or is ending. Try again.", RETRY)
        self._of_client[client] += 1
        self.under_way += 1

    def leave(self, client: str) -> None:
        self.under_way -= 1
        self._of_client[client] -= 1
        if not self._of_client[client]:
            del self._of_client[client]
