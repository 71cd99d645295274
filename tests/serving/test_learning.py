import asyncio
import json
import threading
from dataclasses import replace

import pytest
from serving_client import fit_other, serving

pytest.importorskip("httpx", reason="starlette's client for tests needs it")
pytest.importorskip("starlette", reason="the extra serve is not installed")
from starlette.testclient import TestClient

from xmlc_mhe.corrections.store import Correction, CorrectionStore
from xmlc_mhe.serving.app import app_of
from xmlc_mhe.serving.limits import Limits
from xmlc_mhe.serving.models import Project
from xmlc_mhe.serving.predicting import Predictor
from xmlc_mhe.serving.server import Server

LEARN = "/v1/projects/model/learn"


class Store:
    """Keeps corrections in a list."""

    def __init__(self):
        self.kept = []

    def add(self, documents):
        self.kept.extend(documents)


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def project(model_folder):
    return Project("model", model_folder)


@pytest.fixture
def client(project, store):
    with TestClient(app_of(Server([project], store=store))) as connected:
        yield connected


def test_documents_reach_the_store_with_their_labels(client, store):
    subjects = [{"uri": "a", "label": "A"}, {"uri": "b"}, {"uri": "a"}]
    documents = [
        {"text": "first", "subjects": subjects, "rejected": [{"uri": "c"}], "document_id": "7"},
        {"text": "se\ud83dcond", "subjects": []},
    ]
    answer = client.post(LEARN, content=json.dumps(documents), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert store.kept == [Correction("first", ("a", "b"), ("c",), "7"), Correction("se\ufffdcond", ())]


@pytest.mark.parametrize(
    "value",
    [
        {},
        [3],
        [{"subjects": []}],
        [{"text": "a", "subjects": "b"}],
        [{"text": "a", "subjects": ["b"]}],
        [{"text": "a", "subjects": [{"uri": ""}]}],
        [{"text": "a", "subjects": [{"uri": "b"}], "rejected": [{"uri": "b"}]}],
        [{"text": "a", "subjects": [], "document_id": 3}],
        [{"text": "right", "subjects": []}, {"text": "wrong", "subjects": None}],
    ],
)
def test_of_a_wrong_list_nothing_is_kept(client, store, value):
    answer = client.post(LEARN, json=value)
    assert answer.status_code == 422
    assert " must " in answer.json()["detail"]
    assert store.kept == []


def test_a_form_of_another_site_is_refused(client, store):
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        assert client.post(LEARN, content='[{"text": "a"}]', headers={"Content-Type": kind}).status_code == 415
    assert store.kept == []


def test_learning_asks_for_the_token_and_suggesting_does_not(project, store):
    documents = [{"text": "a", "subjects": [{"uri": "b"}]}]
    with TestClient(app_of(Server([project], store=store, token="secret"))) as client:
        for header in (None, "Bearer", "Bearer wrong", "Basic secret", "Bearer s\u00e9cret"):
            headers = {} if header is None else {"Authorization": header.encode("latin-1")}
            answer = client.post(LEARN, json=documents, headers=headers)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert store.kept == []
        assert client.post("/v1/projects/model/suggest", data={"text": "a"}).status_code == 200
        headers = {"Authorization": "bearer secret"}
        assert client.post(LEARN, json=documents, headers=headers).status_code == 204
    assert len(store.kept) == 1
    with pytest.raises(ValueError, match="the token must be of ASCII"):
        Server([project], store=store, token="s\u00e9cret")


def test_a_failure_is_logged_by_its_place_without_what_it_says(project, caplog):
    class Failing:
        def add(self, documents):
            raise OSError(f"cannot write {next(iter(documents)).text}")

    with TestClient(app_of(Server([project], store=Failing()))) as client:
        answer = client.post(LEARN, json=[{"text": "averysecrettext", "subjects": []}])
    assert (answer.status_code, answer.json()["title"]) == (500, "Internal Server Error")
    assert "OSError in add:" in caplog.text
    assert "averysecret" not in caplog.text + answer.text


def test_an_answer_that_takes_too_long_is_given_up_and_its_successors_come(project, monkeypatch):
    release = threading.Event()
    predict = project.served.model.predict

    def slow(texts, *arguments):
        if texts == ["slow"]:
            assert release.wait(timeout=60)
        return predict(texts, *arguments)

    monkeypatch.setattr(project.served.model, "predict", slow)
    with TestClient(app_of(Server([project], limits=Limits(seconds=1)))) as client:
        answer = client.post("/v1/projects/model/suggest", data={"text": "slow"})
        release.set()
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert client.post("/v1/projects/model/suggest", data={"text": "quick"}).status_code == 200


def test_texts_that_wait_are_tagged_together_and_apart_from_those_of_another_model(model_folder, tmp_path):
    fit_other(tmp_path / "other")
    served = [Project("model", model_folder).served, Project("other", tmp_path / "other").served]
    sizes, started, release = [], threading.Event(), threading.Event()

    class Watched:
        def __init__(self, model):
            self.label_names_, self.probs_of, self._model = model.label_names_, model.probs_of, model

        def predict(self, texts, *arguments):
            sizes.append(len(texts))
            if len(sizes) == 1:
                started.set()
                assert release.wait(timeout=60)
            return self._model.predict(texts, *arguments)

    first, other = (replace(one, model=Watched(one.model)) for one in served)

    async def ask():
        predictor = Predictor(threads=1, seconds=60)
        tasks = [asyncio.create_task(predictor.suggest(first, "word0 also0", 1))]
        while not started.is_set():
            await asyncio.sleep(0)
        tasks += [asyncio.create_task(predictor.suggest(first, f"word{number} also{number}", 1)) for number in (1, 2)]
        tasks += [asyncio.create_task(predictor.suggest(other, "word1", 1))]
        await asyncio.sleep(0)
        release.set()
        rows = await asyncio.gather(*tasks)
        predictor.close()
        return [row[0][0] for row in rows]

    labels = asyncio.run(ask())
    assert sizes == [1, 2, 1]
    assert [first.model.label_names_[label] for label in labels[:3]] == ["label 0", "label 1", "label 2"]
    assert other.model.label_names_[labels[3]] == "other 1"


def test_corrections_are_in_the_store_when_the_server_has_answered(model_folder, tmp_path):
    with serving(model_folder, "--store", tmp_path / "store.db", environment={"XMLC_TOKEN": "secret"}) as started:
        headers = {"Authorization": "Bearer secret"}
        documents = [{"text": "a", "subjects": [{"uri": "new label"}]}]
        assert started.client.ask("POST", LEARN, value=documents, headers=headers).status == 204
        started.process.kill()
    assert [correction.labels for correction in CorrectionStore(tmp_path / "store.db")] == [("new label",)]


@pytest.mark.parametrize("choice", ["among", "without"])
def test_the_choice_of_labels_reaches_the_model(project, client, monkeypatch, choice):
    predict, found = project.served.model.predict, []

    def watched(texts, k, **choices):
        found.append((texts, choices))
        return predict(texts, k)

    monkeypatch.setattr(project.served.model, "predict", watched)
    names = ["label 1", "label 2"]
    as_json = client.post("/v1/projects/model/suggest", json={"text": "a", choice: names})
    as_form = client.post("/v1/projects/model/suggest", data={"text": "b", choice: "\n".join(names)})
    documents = {"documents": [{"text": "c"}], choice: names}
    batch = client.post("/v1/projects/model/suggest-batch", json=documents)
    assert [answer.status_code for answer in (as_json, as_form, batch)] == [200] * 3
    assert found == [([text], {choice: names}) for text in ("a", "b", "c")]
