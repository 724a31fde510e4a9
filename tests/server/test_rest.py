"""The REST face says what the command line says."""

from __future__ import annotations

from tests.conftest import check_schema


def test_a_question_has_the_same_hits_as_on_the_command_line(client, run):
    told = run("retrieve", "signing key", "-k", "2", "--json").json
    for reply in (
        client.get("/api/v1/retrieve", params={"query": "signing key", "top_k": 2}),
        client.post("/api/v1/retrieve", json={"query": "signing key", "top_k": 2}),
    ):
        assert reply.status_code == 200
        check_schema(reply.json())
        assert reply.json()["hits"] == told["hits"]
        assert reply.headers["Knowledge-Generation"] == "default=1"


def test_errors_name_fields_as_json_does(client):
    reply = client.post("/api/v1/retrieve", json={"query": "key", "top_k": 0})
    assert reply.status_code == 400
    check_schema(reply.json())
    assert reply.json()["error"]["message"] == '"top_k" must be from 1 to 10000, not 0'


def test_a_dataset_that_does_not_exist_is_404(client):
    reply = client.get("/api/v1/retrieve", params={"query": "key", "datasets": "none"})
    assert reply.status_code == 404
    assert reply.json()["error"]["code"] == "dataset-not-found"
