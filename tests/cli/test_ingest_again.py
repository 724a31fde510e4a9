"""A second ingest does only what has changed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.cli.written_files import contents
from tests.conftest import environment, make_old, write_files
from tests.openai_server import OpenAIServer

WORDS = ["harbour", "station", "mast", "sensor", "battery", "gauge", "signal", "frost", "tower"]


def paragraph(number: int, words: int = 60) -> str:
    """Return a paragraph that no other equals."""
    first = f"Paragraph {number} is about the {WORDS[number % 9]} of station {number * 7}."
    rest = [WORDS[(number * 5 + word * word) % 9] for word in range(words)]
    return f"{first} It says {' '.join(rest)} and ends with {number * 13}."


def test_unchanged_files_cost_nothing(run, corpus):
    run("ingest", corpus)
    report = run("ingest", corpus, "--json").json
    assert report["files"]["unchanged"] == 5
    assert report["chunks"] == {"added": 0, "removed": 0, "reused": 5}
    assert (report["embedded"], report["tokens"]) == (0, 0)


def test_an_unchanged_run_changes_no_file_of_the_data_folder(run, run_process, corpus, data_dir):
    run("ingest", corpus)
    before = contents(data_dir)
    assert run_process("ingest", corpus, "--prune", "--json").json["files"]["unchanged"] == 5
    after = contents(data_dir)
    for files in (before, after):  # the catalog remembers the run
        del files["catalog.db"]
    assert after == before


def test_an_unchanged_run_loads_no_heavy_library(run, corpus):
    run("ingest", corpus)
    program = (
        "import json, sys\n"
        "from knowledge.cli.run import main\n"
        "code = main(sys.argv[1:])\n"
        "print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "ingest", str(corpus), "--json"],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    code, modules = json.loads(done.stderr)
    assert code == 0
    assert json.loads(done.stdout)["files"]["unchanged"] == 5
    assert not {"chromadb", "openai", "kreuzberg", "tiktoken"} & set(modules)


def test_a_touched_file_embeds_nothing(run, corpus):
    run("ingest", corpus)
    make_old(corpus / "keys.md", -10_000)
    report = run("ingest", corpus, "--json").json
    assert report["files"]["unchanged"] == 5
    assert report["embedded"] == 0
    assert report["chunks"]["added"] == 0


def test_a_change_of_the_same_size_and_time_right_after_the_ingest_is_seen(run, corpus):
    write_files(corpus, {"gate.txt": "The gate code is 4711.\n"}, age=0)
    run("ingest", corpus)
    moment = (corpus / "gate.txt").stat()
    (corpus / "gate.txt").write_text("The gate code is 4712.\n")
    os.utime(corpus / "gate.txt", ns=(moment.st_atime_ns, moment.st_mtime_ns))
    assert run("ingest", corpus, "--json").json["files"]["ingested"] == 1


CHANGES = {
    "a word": lambda text: text.replace("says", "tells"),
    "longer": lambda text: text + " And one more sentence was added here.",
    "shorter": lambda text: text[: len(text) // 2],
    "removed": lambda text: "",
    "one more": lambda text: text + "\n\n" + paragraph(9999),
}


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".md", ".txt"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_paragraph_embeds_at_most_three_chunks(run, tmp_path, suffix, change):
    paragraphs = [paragraph(number) for number in range(520)]
    if suffix == ".md":
        for number in range(0, 520, 2):
            paragraphs[number] = f"## Section {number}\n\n{paragraphs[number]}"
    folder = tmp_path / "docs"
    write_files(folder, {f"long{suffix}": "\n\n".join(paragraphs)})
    first = run("ingest", folder, "--chunk-size", "200", "--chunk-overlap", "20", "--json").json
    assert first["chunks"]["added"] >= 200
    paragraphs[260] = CHANGES[change](paragraphs[260])
    write_files(folder, {f"long{suffix}": "\n\n".join(paragraphs)}, age=60)
    report = run("ingest", folder, "--json").json
    assert report["files"]["ingested"] == 1
    assert report["embedded"] <= 3
    assert report["chunks"]["added"] <= 3
    assert report["chunks"]["reused"] >= first["chunks"]["added"] - 3


def test_a_changed_file_is_found_by_its_new_text_only(run, corpus):
    run("ingest", corpus)
    write_files(corpus, {"canteen.txt": "The canteen is closed for repair.\n"}, age=60)
    report = run("ingest", corpus, "--json").json
    assert report["files"]["ingested"] == 1
    assert report["chunks"] == {"added": 1, "removed": 1, "reused": 4}
    hits = run("retrieve", "When does the canteen serve lunch?", "--json").json["hits"]
    texts = [hit["text"] for hit in hits if hit["name"] == "canteen.txt"]
    assert [text.strip() for text in texts] == ["The canteen is closed for repair."]


def test_lines_that_shift_are_cited_anew_without_embedding(run, tmp_path):
    text = "\n\n".join(paragraph(number) for number in range(20)) + "\n"
    write_files(tmp_path, {"docs/a.txt": text})
    run("ingest", tmp_path / "docs", "--chunk-size", "120", "--chunk-overlap", "0")
    before = run("get-file", tmp_path / "docs/a.txt", "--text", "--json").json["file"]["passages"]
    write_files(tmp_path, {"docs/a.txt": "\n\n\n" + text}, age=60)
    report = run("ingest", tmp_path / "docs", "--json").json
    assert report["embedded"] <= 1
    after = run("get-file", tmp_path / "docs/a.txt", "--text", "--json").json["file"]["passages"]
    assert after[-1]["line_start"] == before[-1]["line_start"] + 3
    assert after[-1]["chunk_id"] == before[-1]["chunk_id"]


def test_equal_files_are_embedded_once(run, corpus):
    shutil.copy(corpus / "keys.md", corpus / "notes/copy.md")
    report = run("ingest", corpus, "--json").json
    assert report["files"]["ingested"] == 6
    assert report["chunks"]["added"] == 6
    assert report["embedded"] == 5


def test_a_moved_file_keeps_its_id_and_embeds_nothing(run, corpus):
    run("ingest", corpus)
    files = {file["name"]: file for file in run("list-files", "--json").json["files"]}
    (corpus / "archive").mkdir()
    shutil.move(corpus / "keys.md", corpus / "archive/signing-keys.md")
    report = run("ingest", corpus, "--prune", "--json").json
    assert report["embedded"] == 0
    assert report["chunks"]["added"] == 0
    assert report["files"]["removed"] == 0
    after = {file["name"]: file for file in run("list-files", "--json").json["files"]}
    assert "keys.md" not in after
    assert after["signing-keys.md"]["id"] == files["keys.md"]["id"]
    assert after["signing-keys.md"]["file"] == str(corpus / "archive/signing-keys.md")
    (hit,) = run("retrieve", "How often do I rotate the signing key?", "-k", "1", "--json").json[
        "hits"
    ]
    assert hit["file"] == str(corpus / "archive/signing-keys.md")


def test_a_renamed_folder_keeps_all_ids(run, corpus, tmp_path):
    run("ingest", corpus)
    ids = {file["id"] for file in run("list-files", "--json").json["files"]}
    renamed = tmp_path / "renamed"
    shutil.move(corpus, renamed)
    assert run("ingest", renamed, "--json").json["embedded"] == 0
    files = run("list-files", "--json").json["files"]
    assert {file["id"] for file in files} == ids
    assert all(file["file"].startswith(str(renamed)) for file in files)


def test_a_copy_is_a_file_of_its_own(run, corpus):
    run("ingest", corpus)
    shutil.copy(corpus / "keys.md", corpus / "copy.md")
    run("ingest", corpus, "--prune")
    files = {file["name"]: file for file in run("list-files", "--json").json["files"]}
    assert files["keys.md"]["id"] != files["copy.md"]["id"]
    assert files["keys.md"]["content_hash"] == files["copy.md"]["content_hash"]


def test_two_files_that_swapped_their_contents(run, corpus):
    run("ingest", corpus)
    keys, travel = (corpus / "keys.md").read_text(), (corpus / "travel.md").read_text()
    write_files(corpus, {"keys.md": travel, "travel.md": keys}, age=60)
    run("ingest", corpus, "--prune")
    (hit,) = run("retrieve", "How often do I rotate the signing key?", "-k", "1", "--json").json[
        "hits"
    ]
    assert hit["name"] == "travel.md"
    assert len(run("list-files", "--json").json["files"]) == 5


def test_no_text_is_sent_twice_to_a_server(run, corpus, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with OpenAIServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        assert run("ingest", corpus).code == 0
        sent = dict(server.texts)
        assert len(sent) == 5
        run("ingest", corpus)
        run("ingest", corpus, "-d", "another")
        run("delete-dataset", "default", "--yes")
        run("ingest", corpus)
        assert dict(server.texts) == sent
