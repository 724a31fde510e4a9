"""``knowledge models``: what there is, and whether it works."""

from __future__ import annotations

import pytest

from knowledge import extras
from knowledge.embeddings import probe
from knowledge.embeddings.provider import BUILT_IN
from knowledge.settings.reading import BY_NAME
from tests.conftest import write_files
from tests.openai_server import OpenAIServer, Reply, refusal


@pytest.fixture
def listed(run):
    def read():
        return {item["name"]: item for item in run("models", "list", "--json").json["providers"]}

    return read


def test_every_provider_is_listed(run, listed):
    assert set(BUILT_IN) <= set(listed())
    rows = [line.split("\t") for line in run("models", "list").out.splitlines()]
    assert ["static", "yes", "built in", "this machine", ""] in rows


def test_what_is_missing_is_named(listed, monkeypatch):
    openai = listed()["openai"]
    assert openai["ready"] is False
    assert openai["requires"] == [
        {"variables": ["OPENAI_API_KEY", "OPENAI_BASE_URL"], "is_set": False}
    ]
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    assert listed()["openai"]["ready"] is True


def test_a_cloud_needs_a_key_or_the_library_that_signs_in(run, listed, monkeypatch):
    monkeypatch.setattr(extras, "_is_there", lambda distribution: False)
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://example.openai.azure.com")
    monkeypatch.setenv("VERTEX_PROJECT", "p")

    def missing():
        rows = [line.split("\t") for line in run("models", "list").out.splitlines()]
        return {row[0]: row[4] for row in rows if row[0] in ("azure", "vertex")}

    assert missing() == {
        "azure": "set AZURE_OPENAI_API_KEY or OPENAI_API_KEY",
        "vertex": "the extra vertex",
    }
    monkeypatch.setenv("OPENAI_API_TYPE", "AZURE_AD")
    assert missing()["azure"] == "the extra azure"
    monkeypatch.setenv("OPENAI_API_KEY", "a-token")
    monkeypatch.setenv("VERTEX_API_KEY", "a-token")
    assert missing() == {"azure": "", "vertex": ""}
    monkeypatch.delenv("VERTEX_PROJECT")
    assert missing()["vertex"] == "set VERTEX_PROJECT"


def test_an_extra_that_is_not_installed_is_named(run, listed, monkeypatch):
    monkeypatch.setattr(extras, "_is_there", lambda distribution: False)
    assert listed()["fastembed"]["installed"] is False
    assert listed()["static"]["ready"] is True
    shown = run("models", "list")
    assert "the extra fastembed" in shown.out
    assert extras.install_command("EXTRA") in shown.err


def test_records_name_settings_that_exist():
    for record in BUILT_IN.values():
        reach = record.reach
        for group in (*record.requires, reach.endpoints, reach.keys, reach.identities):
            assert set(group) <= set(BY_NAME), record.name


def test_profiles_are_listed_too(listed, tmp_path):
    write_files(
        tmp_path / "here",
        {
            "knowledge.yaml": "embeddings: {providers: ["
            "{name: good, type: openai, config: {apiKey: '${GOOD}'}},"
            "{name: unset, type: openai, config: {apiKey: '${BAD}'}},"
            "{name: strange, type: nobody}]}",
            ".env": "GOOD=sk-1\n",
        },
    )
    found = listed()
    assert (found["good"]["kind"], found["good"]["ready"]) == ("profile", True)
    assert "BAD" in found["unset"]["problem"]
    assert "nobody" in found["strange"]["problem"]
    assert not found["unset"]["ready"]


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(probe, "_LARGEST_BATCH", 32)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("KNOW_EMBEDDING_RETRIES", "0")
    monkeypatch.setenv("KNOW_EMBEDDING_BATCH_SIZE", "2")


def test_a_good_model(run, quick, monkeypatch):
    with OpenAIServer(max_batch=20) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        outcome = run("models", "test", "openai:m", "--json")
        text = run("models", "test", "openai:m").out
    report = outcome.json
    assert (outcome.code, report["failed"], report["dimensions"]) == (0, False, 64)
    assert (report["batch"], report["batch_is_limit"]) == (20, True)
    assert [item["threads"] for item in report["throughput"]] == [1, 2, 4, 8]
    assert report["endpoint"] == server.base_url
    assert "batch\t20 texts\n" in text
    assert "the best choice" in text
    assert "note: length" in text


def test_the_default_is_what_the_settings_lead_to(run, quick):
    report = run("models", "test", "--json").json
    assert (report["provider"], report["endpoint"]) == ("static", None)


SAME = {"data": [{"embedding": [0.1, 0.2], "index": number} for number in range(5)]}


@pytest.mark.parametrize(
    "fault",
    [
        {"shuffled": True, "indexed": False},
        {"script": lambda r: Reply(200, {"data": SAME["data"][: len(r.texts)]})},
        {"script": lambda _: Reply(200, {"data": []})},
    ],
    ids=["order", "identical", "unusable"],
)
def test_a_faulty_server_ends_with_5(run, quick, monkeypatch, fault):
    with OpenAIServer(**fault) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        outcome = run("models", "test", "openai:m", "--json")
    assert outcome.code == 5
    assert outcome.json["schema"] == "knowledge.probe/1"
    assert outcome.json["failed"] is True


def test_a_server_that_refuses_is_an_error(run, quick, monkeypatch):
    with OpenAIServer(script=lambda _: refusal(401, "no")) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        outcome = run("models", "test", "openai:m", "--json")
    assert (outcome.code, outcome.json["error"]["code"]) == (5, "embedding-auth")


def test_an_unknown_provider_is_a_usage_error(run):
    assert run("models", "test", "nobody", "--json").code == 2


def test_a_group_alone_shows_its_commands(run):
    for name in ("models", "cache"):
        outcome = run(name)
        assert outcome.code == 0
        assert "Commands" in outcome.out
