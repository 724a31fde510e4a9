from __future__ import annotations

import pytest

from tests.conftest import write_files


def test_a_folder_is_ingested_and_counted(run, corpus):
    report = run("ingest", corpus, "--json").json
    assert report["dataset"] == "default"
    assert "dry_run" not in report
    assert report["files"] == {
        "ingested": 5,
        "unchanged": 0,
        "removed": 0,
        "empty": 0,
        "unsupported": 0,
        "failed": 0,
    }
    assert report["chunks"] == {"added": 5, "removed": 0, "reused": 0}
    assert report["embedded"] == 5
    assert report["tokens"] > 0
    assert report["problems"] == []


def test_the_working_directory_is_ingested_by_a_dot(run, corpus, monkeypatch):
    monkeypatch.chdir(corpus)
    assert run("ingest", ".", "--json").json["files"]["ingested"] == 5
    files = run("list-files", "--json").json["files"]
    assert [file["file"] for file in files] == sorted(
        str(path) for path in corpus.rglob("*") if path.is_file()
    )


def test_files_and_folders_may_be_named_together_and_twice(run, corpus):
    report = run("ingest", corpus / "keys.md", corpus / "notes", corpus / "notes/badges.md").code
    assert report == 0
    assert len(run("list-files", "--json").json["files"]) == 3


def test_a_dataset_of_its_own(run, corpus):
    assert run("ingest", corpus, "-d", "handbook", "--json").json["dataset"] == "handbook"
    assert run("get-dataset", "default").code == 3
    assert run("list-files", "-d", "handbook").code == 0


def test_the_dataset_may_come_from_the_environment(run, corpus, monkeypatch):
    monkeypatch.setenv("KNOW_DATASET", "shared")
    assert run("ingest", corpus, "--json").json["dataset"] == "shared"


def test_no_create_dataset_fails_for_a_new_one(run, corpus, data_dir):
    outcome = run("ingest", corpus, "--no-create-dataset", "--json")
    assert outcome.code == 3
    assert outcome.json["error"]["code"] == "dataset-not-found"
    assert run("list-datasets", "--json").json["datasets"] == []
    run("create-dataset", "default")
    assert run("ingest", corpus, "--no-create-dataset").code == 0


def test_the_summary_is_on_stdout_and_the_choice_of_the_model_is_said_once(run, corpus):
    first = run("ingest", corpus)
    assert first.out.startswith("default: 5 ingested\nchunks: 5 added\n")
    assert "static" in first.err
    assert "on this machine" in first.err
    again = run("ingest", corpus)
    assert again.out.startswith("default: 5 unchanged\n")
    assert again.err == ""


@pytest.mark.parametrize(
    "content", ["# Note\n\nThe gate code is 4711.\n", b"\xef\xbb\xbfThe gate code is 4711."]
)
def test_standard_input(run, content):
    assert run("ingest", "-", "--name", "gate.md", stdin=content).code == 0
    (file,) = run("list-files", "--json").json["files"]
    assert (file["file"], file["name"]) == ("gate.md", "gate.md")
    (hit,) = run("retrieve", "What is the gate code?", "--json").json["hits"]
    assert "4711" in hit["text"]
    assert hit["file"] == "gate.md"


def test_standard_input_replaces_what_had_its_name(run):
    run("ingest", "-", "--name", "gate.txt", stdin="The gate code is 4711.")
    report = run("ingest", "-", "--name", "gate.txt", "--json", stdin="The gate code is 9.").json
    assert report["chunks"] == {"added": 1, "removed": 1, "reused": 0}
    again = run("ingest", "-", "--name", "gate.txt", "--json", stdin="The gate code is 9.").json
    assert again["files"]["unchanged"] == 1
    assert len(run("list-files", "--json").json["files"]) == 1


def test_standard_input_and_files_together(run, corpus):
    outcome = run("ingest", "-", corpus, "--name", "gate.txt", "--json", stdin="Code 4711.")
    assert outcome.json["files"]["ingested"] == 6


def test_standard_input_needs_a_name_and_a_name_needs_standard_input(run, corpus):
    assert run("ingest", "-", stdin="text").code == 2
    assert run("ingest", corpus, "--name", "x.txt").code == 2


def test_a_path_that_does_not_exist_stops_the_run_before_anything_is_done(run, corpus, data_dir):
    outcome = run("ingest", corpus, corpus / "nowhere", "--json")
    assert outcome.code == 3
    assert outcome.json["error"]["code"] == "path-not-found"
    assert "nowhere" in outcome.json["error"]["message"]
    assert not data_dir.exists()


def test_a_failed_file_stops_no_other(run, corpus, monkeypatch):
    write_files(corpus, {"large.txt": "word " * 300_000})
    monkeypatch.setenv("KNOW_MAX_FILE_SIZE", "1")
    outcome = run("ingest", corpus, "--json")
    assert outcome.code == 4
    assert outcome.json["files"]["failed"] == 1
    assert outcome.json["files"]["ingested"] == 5
    (problem,) = outcome.json["problems"]
    assert problem["file"] == str(corpus / "large.txt")
    assert problem["status"] == "failed"
    assert "KNOW_MAX_FILE_SIZE" in problem["reason"]
    assert run("list-datasets", "--json").json["datasets"][0]["files"] == 5


def test_a_failed_file_is_named_on_stderr_even_when_quiet(run, corpus, monkeypatch):
    write_files(corpus, {"large.txt": "word " * 300_000})
    monkeypatch.setenv("KNOW_MAX_FILE_SIZE", "1")
    outcome = run("ingest", corpus, "--quiet")
    assert outcome.code == 4
    assert outcome.out == ""
    assert f"failed: {corpus / 'large.txt'}: " in outcome.err


def test_a_failed_file_keeps_its_stored_version(run, corpus, monkeypatch):
    run("ingest", corpus)
    write_files(corpus, {"canteen.txt": "word " * 300_000})
    monkeypatch.setenv("KNOW_MAX_FILE_SIZE", "1")
    assert run("ingest", corpus, "--prune").code == 4
    hits = run("retrieve", "When is lunch?", "-k", "1", "--json").json["hits"]
    assert hits[0]["name"] == "canteen.txt"


def test_empty_and_unsupported_files_are_counted_and_are_no_failure(run, corpus):
    write_files(
        corpus, {"empty.md": "", "blank.txt": " \n\n", "program.bin": bytes(range(256)) * 9}
    )
    outcome = run("ingest", corpus, "--json")
    assert outcome.code == 0
    assert outcome.json["files"]["empty"] == 2
    assert outcome.json["files"]["unsupported"] == 1
    problems = {p["file"].rpartition("/")[2]: p["status"] for p in outcome.json["problems"]}
    assert problems == {"empty.md": "empty", "blank.txt": "empty", "program.bin": "unsupported"}


def test_unsupported_files_fail_when_that_is_asked_for(run, corpus):
    write_files(corpus, {"program.bin": bytes(range(256)) * 9})
    outcome = run("ingest", corpus, "--err-on-unsupported-file", "--json")
    assert outcome.code == 4
    assert outcome.json["files"]["failed"] == 1


def test_an_unsupported_file_that_was_named_is_a_failure(run, corpus):
    write_files(corpus, {"program.bin": bytes(range(256)) * 9})
    assert run("ingest", corpus / "program.bin").code == 4


def test_a_file_that_became_empty_is_no_longer_found(run, corpus):
    run("ingest", corpus)
    write_files(corpus, {"canteen.txt": ""}, age=60)
    report = run("ingest", corpus, "--json").json
    assert report["files"]["empty"] == 1
    assert report["chunks"]["removed"] == 1
    names = [file["name"] for file in run("list-files", "--json").json["files"]]
    assert "canteen.txt" not in names


def test_metadata_is_kept_with_every_file_typed(run, corpus):
    run(
        "ingest",
        corpus,
        "--metadata",
        "team=support",
        "--metadata",
        "year=2024",
        "--metadata",
        "final=true",
    )
    for file in run("list-files", "--json").json["files"]:
        assert {k: file["metadata"][k] for k in ("team", "year", "final")} == {
            "team": "support",
            "year": 2024,
            "final": True,
        }


def test_metadata_of_unchanged_files_is_updated_without_embedding(run, corpus):
    run("ingest", corpus, "--metadata", "team=support", "--metadata", "year=2024")
    report = run("ingest", corpus, "--metadata", "team=sales", "--json").json
    assert report["files"]["unchanged"] == 5
    assert report["embedded"] == 0
    metadata = run("list-files", "--json").json["files"][0]["metadata"]
    assert metadata["team"] == "sales"
    assert metadata["year"] == 2024


@pytest.mark.parametrize("pair", ["novalue", "=x", ""])
def test_metadata_that_is_no_pair(run, corpus, pair):
    outcome = run("ingest", corpus, "--metadata", pair, "--json")
    assert outcome.code == 2
    assert "--metadata" in outcome.json["error"]["message"]


def test_force_embeds_everything_again(run, corpus):
    run("ingest", corpus)
    report = run("ingest", corpus, "--force", "--json").json
    assert report["files"]["ingested"] == 5
    assert report["embedded"] == 5
    dataset = run("list-datasets", "--json").json["datasets"][0]
    assert (dataset["files"], dataset["chunks"]) == (5, 5)


def test_a_dataset_keeps_its_chunk_size(run, corpus):
    run("ingest", corpus, "--chunk-size", "100", "--chunk-overlap", "10")
    dataset = run("get-dataset", "default", "--json").json["dataset"]
    assert (dataset["chunk_size"], dataset["chunk_overlap"]) == (100, 10)
    outcome = run("ingest", corpus, "--chunk-size", "200", "--json")
    assert outcome.code == 2
    assert "100" in outcome.json["error"]["message"]
    assert run("ingest", corpus).code == 0


def test_no_chunk_is_larger_than_asked_for(run, corpus):
    write_files(corpus, {"long.txt": "One sentence follows another here. " * 300})
    ingested = run("ingest", corpus, "--chunk-size", "50", "--chunk-overlap", "5")
    assert ingested.code == 0, ingested.err
    file = run("get-file", corpus / "long.txt", "--text", "--json").json["file"]
    assert file["chunks"] == len(file["passages"]) > 10
    assert all(len(passage["text"].split()) <= 50 for passage in file["passages"])


@pytest.mark.parametrize(
    ("size", "overlap"), [("0", "0"), ("10", "10"), ("10", "11"), ("10", "-1"), ("x", "0")]
)
def test_chunk_sizes_that_do_not_fit(run, corpus, size, overlap):
    outcome = run("ingest", corpus, "--chunk-size", size, "--chunk-overlap", overlap, "--json")
    assert outcome.code == 2
    assert outcome.json["error"]["code"] == "usage"


@pytest.mark.parametrize(
    "flags",
    [
        ["--chunk-size", "10", "--chunk-overlap", "10"],
        ["--embedding-model-provider", "nobody"],
        ["--ignore-file", "nowhere"],
    ],
)
def test_a_run_that_is_refused_creates_no_dataset(run, corpus, flags):
    assert run("ingest", corpus, *flags).code in (2, 3)
    assert run("list-datasets", "--json").json["datasets"] == []


def test_verbose_names_every_file(run, corpus):
    err = run("ingest", corpus, "--verbose").err
    assert f"ingested: {corpus / 'keys.md'}" in err
    assert f"unchanged: {corpus / 'keys.md'}" in run("ingest", corpus, "--verbose").err


def test_names_that_are_hard_to_print(run, corpus, tmp_path):
    names = ["with space.md", "Übersicht.md", "semi;colon.md", "[bold]x.md", "new\nline.md"]
    write_files(corpus, {name: f"# Title\n\nUnique {name!r}.\n" for name in names})
    assert run("ingest", corpus).code == 0
    listed = {file["name"] for file in run("list-files", "--json").json["files"]}
    assert set(names) <= listed
    assert len(run("list-files").out.splitlines()) == len(listed)
    found = run("get-file", corpus / "[bold]x.md")
    assert "[bold]x.md" in found.out
