from __future__ import annotations

import datetime

import pytest

HARD_NAMES = [
    "x",
    "Kunden Übersicht",
    "2024/q3",
    "../up",
    "a" * 128,
    "日本語",
    "-dash",
    "[bold]x",
    'it\'s "it"',
]


def listed(run):
    return [dataset["name"] for dataset in run("list-datasets", "--json").json["datasets"]]


def test_no_datasets_yet(run, data_dir):
    outcome = run("list-datasets")
    assert (outcome.code, outcome.out) == (0, "")
    assert "knowledge ingest" in outcome.err
    assert run("list-datasets", "--json").json["datasets"] == []
    assert not data_dir.exists()


def test_datasets_are_listed_by_name(run, corpus):
    run("create-dataset", "b")
    run("ingest", corpus, "-d", "a")
    rows = [line.split("\t") for line in run("list-datasets").out.splitlines()]
    assert [row[:3] for row in rows] == [["a", "5", "5"], ["b", "0", "0"]]
    assert rows[0][3].startswith("static:")
    assert rows[1][3] == "-"


def test_a_listed_dataset_in_json(run, corpus):
    run("ingest", corpus)
    (dataset,) = run("list-datasets", "--json").json["datasets"]
    assert dataset["embedding"]["provider"] == "static"
    assert dataset["embedding"]["dimensions"] == 256
    created = datetime.datetime.fromisoformat(dataset["created_at"])
    updated = datetime.datetime.fromisoformat(dataset["updated_at"])
    assert created.utcoffset() == datetime.timedelta(0)
    assert created <= updated


def test_create(run):
    outcome = run(
        "create-dataset", "handbook", "--metadata", "team=support", "--metadata", "year=2024"
    )
    assert (outcome.code, outcome.out) == (0, "created dataset 'handbook'\n")
    dataset = run("get-dataset", "handbook", "--json").json["dataset"]
    assert dataset["metadata"] == {"team": "support", "year": 2024}
    assert (dataset["files"], dataset["chunks"], dataset["generation"]) == (0, 0, 0)
    assert dataset["embedding"] == {"provider": None, "model": None, "dimensions": None}
    assert dataset["chunk_size"] is None
    assert dataset["documents"] == []


def test_create_what_exists(run):
    run("create-dataset", "handbook")
    outcome = run("create-dataset", "handbook", "--json")
    assert outcome.code == 1
    assert outcome.json["error"]["code"] == "dataset-exists"


@pytest.mark.parametrize("name", ["", " ", " x", "x ", "a\nb", "a\tb", "a" * 129])
def test_names_that_can_not_be_one(run, corpus, name):
    for command in (["create-dataset", name], ["ingest", corpus, "-d", name]):
        outcome = run(*command, "--json")
        assert outcome.code == 2
        assert outcome.json["error"]["code"] == "usage"
    assert listed(run) == []


@pytest.mark.parametrize("name", HARD_NAMES, ids=range(len(HARD_NAMES)))
def test_hard_names_through_every_command(run, corpus, data_dir, name):
    assert run("ingest", corpus, "-d", name).code == 0
    assert listed(run) == [name]
    hits = run("retrieve", "rotate the signing key", "-d", name, "-k", "1", "--json").json["hits"]
    assert (hits[0]["dataset"], hits[0]["name"]) == (name, "keys.md")
    assert run("get-dataset", "--json", "--", name).json["dataset"]["files"] == 5
    assert run("edit-dataset", "--update-metadata", "a=b", "--", name).code == 0
    assert len(run("list-files", "-d", name, "--json").json["files"]) == 5
    assert run("get-file", corpus / "keys.md", "-d", name).code == 0
    assert run("delete-file", corpus / "keys.md", "-d", name).code == 0
    assert run("delete-dataset", "--yes", "--", name).code == 0
    assert listed(run) == []
    assert {path.name for path in data_dir.parent.iterdir()} <= {"data", "corpus", "home", "here"}


def test_names_are_told_apart_by_case_and_look(run):
    for name in ("a b", "a-b", "A B", "a  b"):
        assert run("create-dataset", name).code == 0
    assert sorted(listed(run)) == sorted(["a b", "a-b", "A B", "a  b"])


def test_get(run, corpus):
    run("ingest", corpus, "-d", "handbook")
    out = run("get-dataset", "handbook").out
    assert "name\thandbook\n" in out
    assert "files\t5\n" in out
    assert f"{corpus / 'keys.md'}\t1\t" in out
    assert str(corpus) not in run("get-dataset", "handbook", "--no-docs").out


def test_get_without_documents(run, corpus):
    run("ingest", corpus)
    assert len(run("get-dataset", "default", "--json").json["dataset"]["documents"]) == 5
    assert "documents" not in run("get-dataset", "default", "--no-docs", "--json").json["dataset"]


@pytest.mark.parametrize(
    "command",
    [
        ["get-dataset", "nowhere"],
        ["edit-dataset", "nowhere", "--reset-metadata"],
        ["edit-dataset", "nowhere", "--update-metadata", "a=b"],
        ["edit-dataset", "nowhere", "--replace-metadata", "a=b"],
        ["delete-dataset", "nowhere", "--yes"],
        ["list-files", "-d", "nowhere"],
        ["get-file", "x", "-d", "nowhere"],
        ["delete-file", "x", "-d", "nowhere"],
        ["retrieve", "x", "-d", "nowhere"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("others", [False, True], ids=["no data folder", "another dataset"])
def test_a_dataset_that_does_not_exist(run, data_dir, command, others):
    if others:
        run("create-dataset", "default")
    outcome = run(*command, "--json")
    assert outcome.code == 3
    assert outcome.json["error"]["code"] == "dataset-not-found"
    assert "nowhere" in outcome.json["error"]["message"]
    assert ("list-datasets" if others else "knowledge ingest") in outcome.json["error"]["hint"]
    assert data_dir.exists() == others


def metadata(run):
    return run("get-dataset", "d", "--json").json["dataset"]["metadata"]


@pytest.fixture
def d(run):
    run("create-dataset", "d", "--metadata", "team=support", "--metadata", "year=2024")


def test_update_metadata(run, d):
    run("edit-dataset", "d", "--update-metadata", "team=sales", "--update-metadata", "new=1.5")
    assert metadata(run) == {"team": "sales", "year": 2024, "new": 1.5}


@pytest.mark.parametrize("nothing", ["", "-", "null", "nil"])
def test_update_metadata_with_nothing_removes(run, d, nothing):
    run("edit-dataset", "d", "--update-metadata", f"team={nothing}")
    assert metadata(run) == {"year": 2024}


def test_replace_metadata(run, d):
    run("edit-dataset", "d", "--replace-metadata", "only=this")
    assert metadata(run) == {"only": "this"}


def test_reset_metadata(run, d):
    outcome = run("edit-dataset", "d", "--reset-metadata", "--json")
    assert outcome.json["dataset"]["metadata"] == {}
    assert metadata(run) == {}


def test_removing_the_last_one(run, d):
    run("edit-dataset", "d", "--update-metadata", "team=", "--update-metadata", "year=")
    assert metadata(run) == {}


@pytest.mark.parametrize(
    "flags",
    [
        [],
        ["--reset-metadata", "--update-metadata", "a=b"],
        ["--replace-metadata", "a=b", "--update-metadata", "a=b"],
        ["--update-metadata", "novalue"],
    ],
)
def test_edits_that_do_not_fit(run, d, flags):
    assert run("edit-dataset", "d", *flags).code == 2
    assert metadata(run) == {"team": "support", "year": 2024}


def test_an_edit_leaves_the_documents_alone(run, corpus):
    run("ingest", corpus)
    before = run("list-files", "--json").json["files"]
    run("edit-dataset", "default", "--update-metadata", "a=b")
    assert run("list-files", "--json").json["files"] == before
    assert run("retrieve", "signing key", "-k", "1", "--json").json["hits"][0]["name"] == "keys.md"
    assert run("ingest", corpus, "--json").json["files"]["unchanged"] == 5
    assert run("get-dataset", "default", "--json").json["dataset"]["metadata"] == {"a": "b"}


def test_delete_needs_yes_where_nobody_can_be_asked(run, corpus):
    run("ingest", corpus)
    outcome = run("delete-dataset", "default", "--json", stdin="y\n")
    assert outcome.code == 2
    assert "--yes" in outcome.json["error"]["message"]
    assert listed(run) == ["default"]


def test_delete(run, corpus, data_dir):
    run("ingest", corpus)
    run("ingest", corpus, "-d", "other")
    outcome = run("delete-dataset", "default", "--yes")
    assert (outcome.code, outcome.out) == (0, "deleted dataset 'default'\n")
    assert listed(run) == ["other"]
    assert run("get-dataset", "default").code == 3
    assert len(run("retrieve", "key", "-d", "other", "--json").json["hits"]) == 5
    assert len(list((data_dir / "datasets").iterdir())) == 1
    assert len(list(corpus.rglob("*.md"))) == 3


def test_a_deleted_dataset_can_be_made_again(run, corpus):
    run("ingest", corpus)
    run("delete-dataset", "default", "-y")
    assert run("ingest", corpus, "--json").json["files"]["ingested"] == 5
    assert len(run("retrieve", "key", "--json").json["hits"]) == 5
