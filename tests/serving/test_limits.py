import concurrent.futures
import socket
import threading

import pytest
from serving_client import HALF, Client, serving

from xmlc_mhe.serving.limits import Gate, Limits

pytest.importorskip("uvicorn", reason="the extra serve is not installed")
from xmlc_mhe.serving.problems import Problem


@pytest.fixture(scope="module")
def tight(model_folder):
    """A server with small limits."""
    options = ("--max-bytes", "2000", "--max-documents", "2", "--max-results", "3", "--max-seconds", "1")
    with serving(model_folder, *options) as started:
        yield started


@pytest.fixture
def tight_client(tight):
    with Client("127.0.0.1", tight.port) as connected:
        yield connected


def test_a_body_that_is_too_long_is_refused_whether_it_says_so_or_not(tight_client):
    assert tight_client.suggest("a" * 1000).status == 200
    answer = tight_client.suggest("a" * 3000)
    assert (answer.status, answer.value["title"][:7]) == (413, "Request")
    parts = (b"text=" + b"a" * 1000 for _ in range(3))  # chunked: without a length
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert tight_client.ask("POST", "/v1/projects/model/suggest", body=parts, headers=headers).status == 413
    with Client(tight_client.host, tight_client.port) as other:
        assert other.suggest("a").status == 200


def test_a_batch_that_is_too_long_is_refused_and_a_limit_is_cut(tight_client):
    documents = [{"text": "a"}] * 3
    answer = tight_client.ask("POST", "/v1/projects/model/suggest-batch", value={"documents": documents})
    assert answer.status == 413
    assert len(tight_client.suggest("a", limit=10).value["results"]) == 3


def test_a_body_that_does_not_come_is_given_up(tight):
    with socket.create_connection(("127.0.0.1", tight.port), timeout=60) as connection:
        connection.sendall(HALF)
        assert connection.recv(100).startswith(b"HTTP/1.1 408 ")


def test_requests_beyond_those_of_a_client_or_of_all_are_refused():
    gate = Gate(Limits(at_once=3, at_once_each=2))
    gate.enter("a")
    gate.enter("a")
    with pytest.raises(Problem, match="at most 2 requests") as caught:
        gate.enter("a")
    assert caught.value.status == 429
    gate.enter("b")
    with pytest.raises(Problem, match="more requests than it takes") as caught:
        gate.enter("c")
    assert caught.value.status == 503
    assert caught.value.headers == {"Retry-After": "1"}
    gate.leave("a")
    gate.enter("c")
    assert gate.under_way == 3
    for client in ("a", "b", "c"):
        gate.leave(client)
    assert gate.under_way == 0
    gate.closing = True
    with pytest.raises(Problem, match="is ending"):
        gate.enter("a")


def test_a_client_with_too_many_requests_at_once_hears_429_and_health_goes_on(model_folder):
    with serving(model_folder, "--max-requests-each", "1") as started:
        with socket.create_connection(("127.0.0.1", started.port), timeout=60) as half:
            half.sendall(HALF)
            while "under_way 1" not in started.client.ask("GET", "/metrics").value:
                pass  # until the half request is under way
            answer = started.client.suggest("a")
            assert (answer.status, answer.headers["retry-after"]) == (429, "1")
            assert started.client.ask("GET", "/health").status == 200
            half.sendall(b"=a")
            assert half.recv(100).startswith(b"HTTP/1.1 200 ")
        assert started.client.suggest("a").status == 200


@pytest.mark.parametrize("name", ["body_bytes", "documents", "seconds", "at_once"])
def test_a_limit_is_a_whole_number(name):
    with pytest.raises(ValueError, match=f"{name} must be a whole number from 1. Got 0"):
        Limits(**{name: 0})


def test_many_clients_get_the_answers_to_their_own_texts(server):
    barrier = threading.Barrier(8)

    def ask(number):
        with Client("127.0.0.1", server.port) as client:
            barrier.wait()
            return [client.suggest(f"word{label} also{label}", limit=1).value["results"][0]["label"]
                    for label in [(number + step) % 8 for step in range(40)]]  # fmt: skip

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for number, found in enumerate(pool.map(ask, range(8))):
            assert found == [f"label {(number + step) % 8}" for step in range(40)]


def test_memory_stays_flat_over_many_requests(server, client):
    from xmlc_mhe.serving.metrics import resident_bytes

    if resident_bytes() is None:
        pytest.skip("the system does not say how much memory a process has")

    def resident_after(num_requests):
        for number in range(num_requests):
            client.suggest(f"word{number % 13} text number {number}")
        lines = client.ask("GET", "/metrics").value.splitlines()
        return int(next(line for line in lines if line.startswith("process_resident")).split()[1])

    before = resident_after(1000)
    assert resident_after(2000) < before + 5e6
