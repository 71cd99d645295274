import pytest
from serving_client import ODD_NAMES

from xmlc_mhe import XMLCClassifier

TEXT = "word3 also3 noise1"
EXPLAIN = "/v1/projects/model/explain"


def test_an_explanation_is_the_models(client, model_folder):
    expected = XMLCClassifier.load(model_folder, threads=1).explain(TEXT, None, 2)
    answer = client.ask("POST", EXPLAIN, form={"text": TEXT, "limit": 2})
    assert [row["label"] for row in answer.value["results"]] == [row.label for row in expected]
    assert answer.value["results"][0]["margin"] == pytest.approx(expected[0].margin)
    for name in ODD_NAMES:
        (row,) = client.ask("POST", EXPLAIN, value={"text": TEXT, "labels": [name]}).value["results"]
        assert row["label"] == name


@pytest.mark.parametrize("fields", [{"labels": []}, {"labels": ["other"]}, {"labels": 3}, {"limit": 0}])
def test_a_wrong_request_for_an_explanation_is_a_problem(client, fields):
    assert client.ask("POST", EXPLAIN, value={"text": TEXT, **fields}).status == 422


def test_labels_are_completed(client):
    path = "/v1/projects/model/labels"
    assert client.ask("GET", f"{path}?query=LABEL&limit=3").value == {"labels": ["label 0", "label 1", "label 2"]}
    assert client.ask("GET", f"{path}?query=gr%C3%B6%C3%9Fe").value == {"labels": ["größe 𝔊"]}
    assert client.ask("GET", path).value == {"labels": []}


def test_health_and_metrics_tell_how_it_goes(client):
    assert client.ask("GET", "/health").value == {"status": "ok", "labels": {"model": 13}}
    client.suggest("a text of one request")
    lines = client.ask("GET", "/metrics").value.splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    route = 'route="/v1/projects/{project_id}/suggest"'
    assert float(values[f'xmlc_mhe_requests_total{{{route},status="200"}}']) >= 1
    total = float(values[f"xmlc_mhe_request_seconds_count{{{route}}}"])
    assert float(values[f'xmlc_mhe_request_seconds_bucket{{{route},le="+Inf"}}']) == total
    assert not any("one request" in line for line in lines)


@pytest.mark.parametrize("path", ["/", "/docs", "/page.css", "/page.js", "/docs.js", "/openapi.json"])
def test_the_page_comes_with_headers_that_keep_others_out(client, path):
    answer = client.ask("GET", path)
    assert answer.status == 200
    assert answer.value
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_name_of_another_site_is_refused(client):
    assert client.ask("GET", "/v1/projects", headers={"Host": "evil.example"}).status == 421
    assert client.ask("GET", "/v1/projects", headers={"Host": "localhost:1"}).status == 200


def test_the_log_has_routes_and_no_texts(server, client):
    client.suggest("averysecrettext")
    client.ask("GET", "/v1/projects/averysecretproject")
    client.ask("GET", "/v1/projects/model/labels?query=averysecretquery")
    client.ask("GET", "/v1/vocabs")
    server.wait_for_line("GET /v1/vocabs 200")
    assert any("/v1/projects/{project_id}/suggest 200" in line for line in server.log)
    assert not any("averysecret" in line for line in server.log)
