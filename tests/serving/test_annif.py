import pytest
from serving_client import ODD_NAMES

from xmlc_mhe import XMLCClassifier

TEXT = "word3 also3 noise1"


@pytest.fixture(scope="module")
def model(model_folder):
    return XMLCClassifier.load(model_folder, threads=1)


def names(answer):
    assert answer.status == 200, answer.value
    return [result["label"] for result in answer.value["results"]]


def test_the_service_and_its_projects_are_described_with_annifs_fields(client):
    info = client.ask("GET", "/v1/").value
    assert info["title"] == "xmlc-mhe"
    assert info["corrections"] == "off"
    (project,) = client.ask("GET", "/v1/projects").value["projects"]
    assert client.ask("GET", "/v1/projects/model").value == project
    assert project["project_id"] == project["name"] == "model"
    assert project["backend"] == {"backend_id": "xmlc-mhe"}
    assert project["vocab"]["size"] == 13
    assert project["is_trained"] is True
    assert set(project) == {
        "project_id", "name", "language", "backend", "vocab", "vocab_language", "is_trained", "modification_time"
    }  # fmt: skip
    assert client.ask("GET", "/v1/vocabs").value == {"vocabs": [project["vocab"]]}


def test_a_suggestion_is_the_models_prediction(client, model):
    labels, scores = model.predict([TEXT], 5)
    expected = [
        {"uri": model.label_names_[label], "label": model.label_names_[label], "notation": None, "score": score}
        for label, score in zip(labels[0].tolist(), scores[0].tolist(), strict=True)
    ]
    assert client.suggest(TEXT, limit=5).value == {"results": expected}
    as_json = client.ask("POST", "/v1/projects/model/suggest", value={"text": TEXT, "limit": 5})
    assert as_json.value == {"results": expected}


def test_limit_and_threshold_choose_the_results(client):
    assert len(names(client.suggest(TEXT))) == 10
    assert len(names(client.suggest(TEXT, limit=1000))) == 13
    assert names(client.suggest(TEXT, limit=0)) == []
    likely = client.suggest(TEXT, threshold=0.5).value["results"]
    assert [result["label"] for result in likely] == ["label 3"]
    assert likely[0]["score"] >= 0.5


@pytest.mark.parametrize("number", range(13))
def test_every_label_comes_out_as_it_was_named(client, number):
    expected = f"label {number}" if number < 8 else ODD_NAMES[number - 8]
    assert names(client.suggest(f"word{number} also{number}", limit=1)) == [expected]


def test_a_batch_has_an_answer_for_each_document_in_order(client):
    documents = [{"text": "word1 also1", "document_id": "first"}, {"text": "word2 also2"}]
    answer = client.ask("POST", "/v1/projects/model/suggest-batch?limit=1", value={"documents": documents})
    assert [(row["document_id"], row["results"][0]["label"]) for row in answer.value] == [
        ("first", "label 1"), (None, "label 2")
    ]  # fmt: skip
    single = client.suggest("word2 also2", limit=1).value["results"]
    assert answer.value[1]["results"] == single
    assert client.ask("POST", "/v1/projects/model/suggest-batch", value={"documents": []}).value == []


@pytest.mark.parametrize("text", ["", "\0", "\ud800", "中文 العربية 𝔊", "</textarea><script>", "\x1b[2J", "%00%ff&=+"])
def test_any_text_is_answered(client, text):
    form = client.ask("POST", "/v1/projects/model/suggest", value={"text": text, "limit": 3})
    assert len(names(form)) == 3


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "text"),
        ({"text": 3}, "text"),
        ({"text": "a", "limit": -1}, "limit"),
        ({"text": "a", "limit": "many"}, "limit"),
        ({"text": "a", "limit": True}, "limit"),
        ({"text": "a", "threshold": 2}, "threshold"),
        ({"text": "a", "threshold": "nan"}, "threshold"),
        ({"text": "a", "among": ["no such label"]}, "among"),
        ({"text": "a", "without": [3]}, "without"),
    ],
)
def test_a_wrong_value_is_named_in_a_problem(client, fields, name):
    answer = client.ask("POST", "/v1/projects/model/suggest", value=fields)
    assert answer.status == 422
    assert answer.value["detail"].startswith(f"{name} must ")
    assert set(answer.value) == {"type", "title", "status", "detail"}
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("body", ["{", "[1]", '"text"', "[" * 100_000, b"\xff\xfe"])
def test_other_json_is_a_problem(client, body):
    headers = {"Content-Type": "application/json"}
    assert client.ask("POST", "/v1/projects/model/suggest", body=body, headers=headers).status == 422
    assert client.ask("POST", "/v1/projects/model/suggest-batch", body=body, headers=headers).status == 422


def test_unknown_projects_addresses_and_methods_are_problems(client):
    for method, path, status in [
        ("GET", "/v1/projects/other", 404),
        ("POST", "/v1/projects/other/suggest", 404),
        ("GET", "/no/such/address", 404),
        ("GET", "/v1/projects/model/suggest", 405),
        ("GET", "/../../etc/passwd", 404),
    ]:
        answer = client.ask(method, path)
        assert (answer.status, answer.value["status"]) == (status, status)
    headers = {"Content-Type": "text/plain"}
    assert client.ask("POST", "/v1/projects/model/suggest", body="text=a", headers=headers).status == 415


def test_learning_without_a_store_is_refused(client):
    answer = client.ask("POST", "/v1/projects/model/learn", value=[{"text": "a", "subjects": [{"uri": "b"}]}])
    assert answer.status == 403
    assert "--store" in answer.value["detail"]


def test_a_language_is_detected_where_simplemma_is_installed(client):
    value = {"text": "The quick brown fox jumped over the lazy dog.", "languages": ["en", "fi"]}
    answer = client.ask("POST", "/v1/detect-language", value=value)
    try:
        import simplemma  # noqa: F401
    except ImportError:
        assert answer.status == 501
        assert "pip install simplemma" in answer.value["detail"]
    else:
        assert answer.value["results"][0]["language"] == "en"
    assert client.ask("POST", "/v1/detect-language", value={"text": "a", "languages": []}).status == 422
