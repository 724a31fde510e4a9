"""``knowledge embed``: texts to vectors, and how alike two texts are."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

from tests.conftest import write_files
from tests.openai_server import OpenAIServer


def lines(outcome):
    assert outcome.code == 0, outcome.err
    return [json.loads(line) for line in outcome.out.splitlines()]


def test_a_line_for_each_text(run):
    records = lines(run("embed", "the signing key", "lunch"))
    assert [(r["index"], r["text"]) for r in records] == [(0, "the signing key"), (1, "lunch")]
    for record in records:
        assert len(record["vector"]) == 256
        assert np.linalg.norm(record["vector"]) == pytest.approx(1, abs=1e-5)


def test_texts_of_a_file_and_of_stdin_are_lines(run, tmp_path):
    write_files(tmp_path, {"texts.txt": "one\n\n  two \r\nGrüße\n"})
    from_file = lines(run("embed", "zero", "-f", tmp_path / "texts.txt"))
    assert [r["text"] for r in from_file] == ["zero", "one", "two", "Grüße"]
    for dash in (["-"], ["-f", "-"]):
        assert [r["text"] for r in lines(run("embed", *dash, stdin="a\nb\n"))] == ["a", "b"]
    (whole,) = lines(run("embed", "--whole", "-f", tmp_path / "texts.txt"))
    assert whole["text"] == "one\n\n  two \nGrüße\n"


def test_the_object_has_all_at_once(run):
    content = run("embed", "a", "b", "--json").json
    assert (content["schema"], content["count"], content["dimensions"]) == (
        "knowledge.embed/1",
        2,
        256,
    )
    assert content["provider"] == "static"
    assert content["target"] is None
    assert [record["text"] for record in content["embeddings"]] == ["a", "b"]
    assert run("embed", "-", "--json").json["count"] == 0


def test_an_array_for_numpy(run, tmp_path):
    target = tmp_path / "vectors.npy"
    outcome = run("embed", "a", "b", "c", "--output", "npy", "--target", target, "--json")
    assert outcome.json["embeddings"] == []
    assert outcome.json["target"] == str(target)
    array = np.load(target)
    assert (array.shape, array.dtype) == ((3, 256), np.float32)
    assert array[0].tolist() == pytest.approx(lines(run("embed", "a"))[0]["vector"])


def test_an_array_may_go_through_a_pipe(run_process):
    import subprocess
    import sys

    command = [sys.executable, "-m", "knowledge", "embed", "a", "b", "--output", "npy"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert np.load(io.BytesIO(done.stdout)).shape == (2, 256)


def test_lines_may_go_to_a_file(run, tmp_path):
    outcome = run("embed", "Grüße", "-o", tmp_path / "v.jsonl")
    assert (outcome.code, outcome.out) == (0, "")
    (line,) = (tmp_path / "v.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["text"] == "Grüße"


def test_how_alike_two_texts_are(run):
    def score(*arguments):
        return float(run("embed", "--similarity", *arguments).out)

    near = score("the signing key", "the key to sign with")
    far = score("the signing key", "bananas ripen slowly")
    assert 1 > near > far > -1
    assert score("a", "a") == pytest.approx(1, abs=1e-5)
    assert score("a b", "c d", "--metric", "dot") == score("a b", "c d")
    cosine, distance = score("a b", "c d"), score("a b", "c d", "--metric", "euclidean")
    assert distance == pytest.approx(-np.sqrt(2 - 2 * cosine), abs=1e-5)
    content = run("embed", "a", "b", "--similarity", "--json").json
    assert (content["metric"], content["texts"]) == ("cosine", ["a", "b"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to embed"),
        (["a", "--output", "csv"], "--output must be one of jsonl, npy"),
        (["a", "--similarity"], "takes two texts, not 1"),
        (["a", "b", "--similarity", "--metric", "manhattan"], "no metric 'manhattan'"),
        (["  "], "blank"),
        (["a", "--output", "npy"], "is binary"),
    ],
)
def test_what_does_not_fit_is_told(run, arguments, message):
    outcome = run("embed", *arguments, "--json")
    assert outcome.code == 2
    assert message in outcome.json["error"]["message"]


def test_a_file_that_is_not_there(run):
    assert run("embed", "-f", "nowhere.txt", "--json").code == 3


def test_questions_get_the_words_of_questions(run, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with OpenAIServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        model = ["--embedding-model-provider", "openai:nomic-embed-text"]
        run("embed", "a key", *model)
        run("embed", "a key", "--query", *model)
        run("embed", "a key", "--query", "--query-instruction", "", *model)
        run("embed", "a key", "a lock", "--similarity", "--query", *model)
    assert list(server.texts) == [
        "search_document: a key",
        "search_query: a key",
        "a key",
        "search_document: a lock",
    ]
    assert set(server.texts.values()) == {1}  # the cache knows the rest


def test_no_cache_asks_each_time(run, monkeypatch, data_dir):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with OpenAIServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        for _ in range(2):
            assert run("embed", "a key", "--no-cache").code == 0
    assert server.texts["a key"] == 2
    assert not (data_dir / "embeddings.db").exists()


def test_a_target_that_can_not_be_written_is_told_before_anything_is_sent(run, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with OpenAIServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        for output in ("jsonl", "npy"):
            gone = run("embed", "a", "--output", output, "-o", "no/folder/v")
            assert (gone.code, "there is no folder no/folder" in gone.err) == (3, True)
            folder = run("embed", "a", "--output", output, "-o", ".")
            assert (folder.code, "is a folder" in folder.err) == (2, True)
    assert not server.requests


@pytest.mark.parametrize("output", ["jsonl", "npy"])
def test_a_target_keeps_its_content_until_all_is_embedded(run, monkeypatch, tmp_path, output):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    write_files(tmp_path, {"texts": "one\ntwo\n"})
    target = tmp_path / "texts"  # the file that is read
    with OpenAIServer(key="sk-right") as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        arguments = ("embed", "-f", target, "-o", target, "--output", output)
        assert run(*arguments).code == 5
        assert target.read_text() == "one\ntwo\n"
        assert [path.name for path in tmp_path.iterdir() if "texts" in path.name] == ["texts"]
        monkeypatch.setenv("OPENAI_API_KEY", "sk-right")
        assert run(*arguments).code == 0
    found = np.load(target) if output == "npy" else target.read_text().splitlines()
    assert len(found) == 2
    assert [path.name for path in tmp_path.iterdir() if "texts" in path.name] == ["texts"]


def test_errors_name_the_flag_that_was_given(run):
    assert "--rpm must be at least 0" in run("embed", "a", "--rpm", "-1").err
    assert "--tpm must be at least 0" in run("embed", "a", "--tpm", "-1").err
