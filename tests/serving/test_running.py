import os
import shutil
import signal
import socket
import threading

import pytest
from serving_client import HALF, Client, fit_other, serving

from xmlc_mhe.cli import main

pytest.importorskip("uvicorn", reason="the extra serve is not installed")

from xmlc_mhe.serving.running import hosts_of


@pytest.fixture
def folder(model_folder, tmp_path):
    """A copy of the model that a test may replace."""
    return shutil.copytree(model_folder, tmp_path / "served")


def labels_of(answer):
    return {result["label"] for result in answer.value["results"]}


@pytest.mark.parametrize("by_signal", [False, True])
def test_a_model_is_replaced_without_a_failed_request(folder, by_signal):
    seconds = "3600" if by_signal else "0.05"
    with serving(f"model={folder}", "--reload-seconds", seconds) as started:
        found, failed, is_done = [], [], threading.Event()

        def ask():
            with Client("127.0.0.1", started.port) as client:
                while not is_done.is_set():
                    answer = client.suggest("word1 also1", limit=3)
                    (found if answer.status == 200 else failed).append(answer)

        asking = [threading.Thread(target=ask) for _ in range(3)]
        for thread in asking:
            thread.start()
        fit_other(folder, overwrite=True)
        if by_signal:
            started.process.send_signal(signal.SIGHUP)
        started.wait_for_line("model: replaced by the model that is now in")
        last = started.client.suggest("word1", limit=3)
        is_done.set()
        for thread in asking:
            thread.join()
        assert labels_of(last) == {"other 0", "other 1", "other 2"}
        assert not failed
        assert {frozenset(labels_of(answer)) for answer in found} <= {
            frozenset(labels_of(found[0])), frozenset(labels_of(last))
        }  # fmt: skip
        completed = started.client.ask("GET", "/v1/projects/model/labels?query=other").value["labels"]
        assert completed == sorted(labels_of(last))
        assert 'loads_total{project="model",outcome="loaded"} 1' in started.client.ask("GET", "/metrics").value


def test_a_damaged_model_is_reported_and_the_one_before_goes_on(folder):
    with serving(f"model={folder}", "--reload-seconds", "0.05") as started:
        before = started.client.suggest("word1 also1").value
        (folder / "config.json").write_text("{}")
        started.wait_for_line("model: the model before is kept. ")
        assert started.client.suggest("word1 also1").value == before
        fit_other(folder, overwrite=True)
        started.wait_for_line("model: replaced by")
        assert "other 1" in labels_of(started.client.suggest("word1"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_after_what_is_under_way(model_folder, number):
    with serving(model_folder) as started:
        with socket.create_connection(("127.0.0.1", started.port), timeout=60) as half:
            half.sendall(HALF)
            while "under_way 1" not in started.client.ask("GET", "/metrics").value:
                pass  # until the half request is under way
            started.client.connection.close()
            started.process.send_signal(number)
            while _is_open(started.port):
                pass  # until no new connections are taken
            half.sendall(b"=a")
            assert half.recv(100).startswith(b"HTTP/1.1 200 ")
        assert started.process.wait(timeout=60) == 0
        started.wait_for_line("all requests under way were answered")


def _is_open(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=60).close()
    except OSError:
        return False
    return True


def test_several_models_are_projects_of_their_own(model_folder, tmp_path):
    fit_other(tmp_path / "second")
    with serving(f"first={model_folder}", tmp_path / "second") as started:
        projects = started.client.ask("GET", "/v1/projects").value["projects"]
        assert [project["project_id"] for project in projects] == ["first", "second"]
        (best,) = started.client.suggest("word1", project="second", limit=1).value["results"]
        assert best["label"] == "other 1"
        assert 0 <= best["score"] <= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{model}", "{model}"], "models must have names of their own. Got two model; write NAME=FOLDER."),
        (["no/such/folder"], "no/such/folder"),
        (["{model}", "--max-bytes", "0"], "body_bytes must be a whole number from 1. Got 0"),
        (["{model}", "--reload-seconds", "0"], "--reload-seconds must be above 0. Got 0"),
        (["{model}", "--port", "{used}"], "--host and --port must be a free address of this machine. Got 127.0.0.1"),
        (["{model}", "--port", "99999"], "--host and --port must be a free address of this machine."),
    ],
)
def test_a_server_that_cannot_start_says_why(model_folder, capsys, arguments, message):
    with socket.create_server(("127.0.0.1", 0)) as used:
        values = {"model": str(model_folder), "used": used.getsockname()[1]}
        arguments = [argument.format(**values) for argument in arguments]
        assert main(["serve", "--port", "0", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_token_without_a_store_is_refused(model_folder, capsys, monkeypatch):
    monkeypatch.setitem(os.environ, "XMLC_TOKEN", "secret")
    assert main(["serve", str(model_folder), "--port", "0"]) == 2
    assert "XMLC_TOKEN must come with --store" in capsys.readouterr().err


def test_a_model_of_features_is_refused(tmp_path, capsys):
    import numpy as np

    from xmlc_mhe import XMLCClassifier

    X = np.eye(4).repeat(5, axis=0)
    XMLCClassifier(encoder="given", threads=1).fit(X, X).save(tmp_path / "given")
    assert main(["serve", str(tmp_path / "given"), "--port", "0"]) == 2
    assert "must be a model of texts. Got one of given features" in capsys.readouterr().err


def test_a_loopback_address_is_called_by_its_own_names_alone():
    assert hosts_of("127.0.0.1", ["tags.example.org"]) == [
        "127.0.0.1", "localhost", "[::1]", "127.0.0.1", "tags.example.org"
    ]  # fmt: skip
    assert "[::1]" in hosts_of("::1", [])
    assert hosts_of("0.0.0.0", []) is None
    assert hosts_of("0.0.0.0", ["tags.example.org"]) == ["tags.example.org"]
