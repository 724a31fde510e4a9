"""``knowledge reembed``: another model for a dataset, from its stored texts."""

from __future__ import annotations

import shutil
import threading
import time

import pytest

from knowledge import KnowledgeBase
from tests.conftest import write_files
from tests.openai_server import OpenAIServer, refusal


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with OpenAIServer() as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        yield server


@pytest.fixture
def filled(run, corpus, monkeypatch):
    """A dataset embedded with the bundled model, whose files are gone."""
    assert run("ingest", corpus, "--embedding-model-provider", "static").code == 0
    shutil.rmtree(corpus)


def chunk_ids():
    with KnowledgeBase.open() as kb:
        return {chunk.id for file in kb.files.list() for chunk in kb.files.get(file.id)[1]}


def embedding(run, name="default"):
    return run("get-dataset", name, "--json").json["dataset"]["embedding"]


TO_OPENAI = ["default", "--embedding-model-provider", "openai:nomic-embed-text"]


def test_a_dataset_gets_another_model_without_its_files(run, filled, server, data_dir):
    before = chunk_ids()
    outcome = run("reembed", *TO_OPENAI, "--json")
    assert outcome.code == 0, outcome.err
    report = outcome.json
    assert (report["before"]["provider"], report["before"]["dimensions"]) == ("static", 256)
    assert report["after"] == {"provider": "openai", "model": "nomic-embed-text", "dimensions": 64}
    assert (report["chunks"], report["embedded"]) == (5, 5)
    assert report["tokens"] == sum(len(text.split()) for text in server.texts)
    assert all(text.startswith("search_document: ") for text in server.texts)
    assert embedding(run) == report["after"]
    assert chunk_ids() == before
    hits = run("retrieve", "How often is the signing key rotated?", "--json").json["hits"]
    assert hits[0]["name"] == "keys.md"
    assert server.texts["search_query: How often is the signing key rotated?"] == 1


def test_and_back_again_and_files_still_change(run, filled, server, corpus):
    run("reembed", *TO_OPENAI)
    outcome = run("reembed", "default", "--embedding-model-provider", "static")
    assert outcome.code == 0
    assert outcome.out.startswith("default: 5 chunks, from openai:nomic-embed-text, 64 dimensions")
    write_files(corpus, {"keys.md": "# Signing keys\n\nRotate the signing key every day.\n"})
    report = run("ingest", corpus, "--json").json
    assert (report["chunks"]["added"], report["chunks"]["removed"]) == (1, 1)
    assert run("retrieve", "signing key", "--json").json["hits"][0]["name"] == "keys.md"


def test_what_is_there_already_is_not_done_again(run, filled, server):
    outcome = run("reembed", "default", "--embedding-model-provider", "static", "--json")
    assert outcome.json["chunks"] == 0
    forced = run("reembed", "default", "--embedding-model-provider", "static", "--force", "--json")
    assert (forced.json["chunks"], forced.json["embedded"]) == (5, 5)
    assert server.requests == []


def test_other_words_are_another_model(run, filled, server):
    run("reembed", *TO_OPENAI)
    outcome = run("reembed", "default", "--document-instruction", "text: ", "--json")
    assert (outcome.code, outcome.json["embedded"]) == (0, 5)
    assert sum(text.startswith("text: ") for text in server.texts) == 5
    run("retrieve", "a key")
    assert server.texts["search_query: a key"] == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["default"], 2, "which model"),
        (["nowhere", "--embedding-model-provider", "static"], 3, "nowhere"),
        (["empty", "--embedding-model-provider", "static"], 2, "nothing to embed again"),
        (["default", "--embedding-model-provider", "nobody"], 2, "nobody"),
    ],
)
def test_what_does_not_fit_is_told(run, filled, arguments, code, message):
    run("create-dataset", "empty")
    outcome = run("reembed", *arguments, "--json")
    assert outcome.code == code
    assert message in outcome.json["error"]["message"]


def test_a_dataset_whose_files_were_all_deleted(run, filled, server):
    for file in run("list-files", "--json").json["files"]:
        run("delete-file", file["id"])
    report = run("reembed", *TO_OPENAI, "--json")
    assert report.code == 0, report.out
    assert embedding(run)["provider"] == "openai"
    assert run("retrieve", "key", "--json").json["hits"] == []


def test_a_failure_changes_nothing_and_what_was_paid_for_is_kept(
    run, filled, server, monkeypatch, data_dir
):
    monkeypatch.setenv("KNOW_EMBEDDING_BATCH_SIZE", "2")
    monkeypatch.setenv("VS_EMBEDDING_PARALLEL_THREAD", "1")
    replies = [None, refusal(401, "no")]
    server._script.extend(replies)
    outcome = run("reembed", *TO_OPENAI, "--json")
    assert (outcome.code, outcome.json["error"]["code"]) == (5, "embedding-auth")
    assert embedding(run)["provider"] == "static"
    assert run("retrieve", "signing key", "--json").json["hits"][0]["name"] == "keys.md"
    assert not list(data_dir.rglob("candidate*"))
    report = run("reembed", *TO_OPENAI, "--json").json
    assert (report["chunks"], report["embedded"]) == (5, 3)
    assert set(server.texts.values()) == {1}


def test_questions_are_answered_with_the_old_model_meanwhile(filled, server, data_dir):
    server.gate = threading.Event()
    done = []

    def change():
        with KnowledgeBase.open(embedding_model_provider="openai:m") as writer:
            done.append(writer.reembed(progress=lambda d, t: done.append((d, t))))

    with KnowledgeBase.open() as reader:
        writer = threading.Thread(target=change)
        writer.start()
        while not server.requests:
            time.sleep(0.005)
        assert reader.retrieve("signing key")[0].name == "keys.md"
        assert reader.datasets.get("default").embedding.provider == "static"
        server.gate.set()
        writer.join()
        assert reader.retrieve("signing key")[0].name == "keys.md"
        assert reader.datasets.get("default").embedding.provider == "openai"
    assert done[0] == (5, 5)
    assert server.texts["signing key"] == 1


def test_a_model_that_changes_between_question_and_search(filled, server):
    """The question was embedded with the old model when the new one is published."""
    with KnowledgeBase.open() as reader:
        embed = reader._shared.embed_query
        asked = []

        def slowly(dataset, text):
            vector = embed(dataset, text)
            if not asked:
                with KnowledgeBase.open(embedding_model_provider="openai:m") as writer:
                    writer.reembed()
            asked.append(dataset.embedding.provider)
            return vector

        reader._shared.embed_query = slowly
        assert reader.retrieve("signing key")[0].name == "keys.md"
    assert asked == ["static", "openai"]


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was(run, start_process, tmp_path, server, monkeypatch):
    monkeypatch.setenv("KNOW_EMBEDDING_BATCH_SIZE", "20")
    monkeypatch.setenv("VS_EMBEDDING_PARALLEL_THREAD", "2")
    write_files(
        tmp_path / "docs",
        {f"{n:03}.md": f"# Page {n}\n\nMatter number {n} of the archive.\n" for n in range(300)},
    )
    assert run("ingest", tmp_path / "docs", "--embedding-model-provider", "static").code == 0
    server.latency = 0.03
    process = start_process("reembed", *TO_OPENAI)
    while len(server.requests) < 6:
        time.sleep(0.005)
    process.kill()
    process.wait()
    assert embedding(run)["provider"] == "static"
    server.latency = 0
    report = run("reembed", *TO_OPENAI, "--json").json
    assert report["chunks"] == 300
    assert report["embedded"] < 300
    assert embedding(run)["dimensions"] == 64
    assert sum(server.texts.values()) <= 300 + 3 * 20  # but for what was under way
    with KnowledgeBase.open() as kb:
        assert len(kb.retrieve("Matter number 7", top_k=300)) == 300
