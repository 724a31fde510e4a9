"""Export and import: nothing is lost, nothing that was tampered with comes in."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
import zipfile

import pytest

from knowledge import KnowledgeBase
from knowledge.errors import (
    DamagedArchiveError,
    DatasetExistsError,
    DatasetNotFoundError,
    KnowledgeError,
    NewerArchiveError,
    PathNotFoundError,
    UsageError,
)
from tests.conftest import ROOT

QUESTIONS = [
    json.loads(line)["question"]
    for line in (ROOT / "testdata" / "questions.jsonl").read_text(encoding="utf-8").splitlines()
][:50]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A data folder with the sample documents, ingested, edited and pruned."""
    home = tmp_path_factory.mktemp("source")
    documents = home / "documents"
    shutil.copytree(ROOT / "testdata" / "documents", documents)
    with KnowledgeBase.open(home / "data") as kb:
        kb.ingest(documents, "handbook", metadata={"team": "support", "year": 2024})
        kb.datasets.edit("handbook", {"owner": "ana"})
        first = sorted(documents.glob("*.md"))[0]
        first.write_text(first.read_text(encoding="utf-8") + "\n\nOne more line.\n")
        sorted(documents.glob("*.txt"))[0].unlink()
        kb.ingest(documents, "handbook", prune=True)
        kb.datasets.create("empty")
    return home / "data"


@pytest.fixture(scope="module")
def archive(source):
    path = source.parent / "export.zip"
    with KnowledgeBase.open(source) as kb:
        kb.sharing.export(["handbook", "empty"], path)
    return path


def state(kb, name):
    dataset = kb.datasets.get(name)
    files = kb.files.list(name)
    chunks = [kb.files.get(file.id, name)[1] for file in files]
    return (
        (dataset.generation, dataset.metadata, dataset.embedding, dataset.splitter),
        files,
        chunks,
    )


def told(hits):
    return [(hit.chunk, hit.cosine, hit.score) for hit in hits]


def test_everything_survives(source, archive, data_dir):
    with KnowledgeBase.open(source) as old, KnowledgeBase.open(data_dir) as new:
        imported = new.sharing.import_archive(archive)
        assert [dataset.name for dataset in imported] == ["empty", "handbook"]
        for name in ("handbook", "empty"):
            assert state(new, name) == state(old, name)
            assert new.datasets.get(name).created_at == old.datasets.get(name).created_at
            assert new.datasets.get(name).updated_at == old.datasets.get(name).updated_at


@pytest.mark.slow
def test_the_same_hits_with_the_same_scores(source, archive, data_dir):
    with KnowledgeBase.open(source) as old, KnowledgeBase.open(data_dir) as new:
        new.sharing.import_archive(archive, "handbook", rename="copy")
        for question in QUESTIONS:
            before = [
                (hit.chunk, hit.cosine, hit.score) for hit in old.retrieve(question, "handbook")
            ]
            after = [(hit.chunk, hit.cosine, hit.score) for hit in new.retrieve(question, "copy")]
            assert after == before


def test_a_second_export_is_the_same_file(archive, data_dir, tmp_path):
    with KnowledgeBase.open(data_dir) as kb:
        kb.sharing.import_archive(archive)
        kb.sharing.export((), tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == archive.read_bytes()


def test_an_imported_dataset_goes_on(archive, data_dir, corpus):
    with KnowledgeBase.open(data_dir) as kb:
        kb.sharing.import_archive(archive, "handbook")
        before = kb.datasets.get("handbook")
        kb.ingest(corpus, "handbook")
        after = kb.datasets.get("handbook")
        assert after.generation == before.generation + 1
        assert after.files == before.files + 5
        assert kb.retrieve("rotate the signing key", "handbook", 3)


def test_a_taken_name_is_refused_and_replaced_only_when_asked(archive, data_dir, corpus):
    with KnowledgeBase.open(data_dir) as kb:
        kb.ingest(corpus, "handbook")
        before = state(kb, "handbook")
        with pytest.raises(DatasetExistsError, match="handbook"):
            kb.sharing.import_archive(archive)
        assert state(kb, "handbook") == before
        assert [dataset.name for dataset in kb.datasets.list()] == ["handbook"]
        kb.sharing.import_archive(archive, "handbook", overwrite=True)
        assert kb.datasets.get("handbook").metadata == {"owner": "ana"}
        assert not [hit for hit in kb.retrieve("hotel", "handbook") if "travel.md" in hit.file]


def test_what_can_not_be_chosen(archive, data_dir, tmp_path):
    with KnowledgeBase.open(data_dir) as kb:
        with pytest.raises(DatasetNotFoundError, match="nonsense") as caught:
            kb.sharing.import_archive(archive, "nonsense")
        assert "handbook" in caught.value.hint
        with pytest.raises(UsageError, match="`rename`"):
            kb.sharing.import_archive(archive, rename="one")
        with pytest.raises(PathNotFoundError):
            kb.sharing.import_archive(tmp_path / "nothing.zip")
        with pytest.raises(DatasetNotFoundError):
            kb.sharing.export("nothing", tmp_path / "out.zip")
        assert not (tmp_path / "out.zip").exists()


def test_an_export_that_fails_leaves_no_file(source, tmp_path):
    with KnowledgeBase.open(source) as kb, pytest.raises(KnowledgeError, match="can't write"):
        kb.sharing.export("handbook", tmp_path / "no folder" / "out.zip")
    assert not list(tmp_path.rglob("*.part"))


def rewritten(archive, target, change):
    """Copy an archive; ``change`` gets its members, path to bytes, and may alter them."""
    with zipfile.ZipFile(archive) as old:
        members = {info.filename: old.read(info) for info in old.infolist()}
    change(members)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for path, data in members.items():
            new.writestr(path, data)
    return target


def with_hashes(members):
    """Make the manifest fit the members again, as somebody who tampers would."""
    manifest = json.loads(members["manifest.json"])
    for dataset in manifest["datasets"]:
        for member in dataset["members"]:
            data = members[member["path"]]
            member["size"] = len(data)
            member["sha256"] = hashlib.sha256(data).hexdigest()
    members["manifest.json"] = json.dumps(manifest).encode()


def manifest_of(members, edit):
    manifest = json.loads(members["manifest.json"])
    edit(manifest)
    members["manifest.json"] = json.dumps(manifest).encode()


CHUNKS = "datasets/0002/chunks.jsonl"
FILES = "datasets/0002/files.jsonl"
VECTORS = "datasets/0002/vectors.f32"


def tampered(name):
    """Give the way of tampering that is called ``name``."""

    def text_changed(members):
        members[CHUNKS] = members[CHUNKS].replace(b"key", b"kez", 1)

    def member_too_many(members):
        members["datasets/0002/more.pickle"] = pickle.dumps({"a": 1})

    def member_missing(members):
        del members[VECTORS]

    def path_outside(members):
        members["../evil"] = members.pop(VECTORS)
        manifest_of(
            members, lambda m: m["datasets"][1]["members"][2].update(path="../evil/vectors.f32")
        )

    def pickle_instead(members):
        members[CHUNKS] = pickle.dumps([1, 2])
        with_hashes(members)

    def chunk_of_another_file(members):
        lines = members[CHUNKS].splitlines(keepends=True)
        record = json.loads(lines[0])
        record["file_id"] = "0" * 32
        members[CHUNKS] = json.dumps(record).encode() + b"\n" + b"".join(lines[1:])
        with_hashes(members)

    def chunk_twice(members):
        lines = members[CHUNKS].splitlines(keepends=True)
        members[CHUNKS] = b"".join([lines[0], lines[0], *lines[2:]])
        with_hashes(members)

    def vectors_short(members):
        members[VECTORS] = members[VECTORS][:-4]
        with_hashes(members)

    def not_a_number(members):
        members[VECTORS] = b"\xff\xff\xff\xff" * (len(members[VECTORS]) // 4)
        with_hashes(members)

    def bomb(members):
        members[FILES] = b" " * 50_000_000 + members[FILES]

    def endless_line(members):
        members[FILES] = b'{"id": "' + b"x" * 1_000_000
        with_hashes(members)

    def no_manifest(members):
        del members["manifest.json"]

    def manifest_is_no_json(members):
        members["manifest.json"] = b"\x80\x04}"

    def two_of_one_name(members):
        manifest_of(members, lambda m: m["datasets"][0].update(name="handbook"))

    def name_with_control_characters(members):
        manifest_of(members, lambda m: m["datasets"][0].update(name="\x01x"))

    def count_is_text(members):
        manifest_of(members, lambda m: m["datasets"][1].update(chunks="many"))

    return locals()[name]


@pytest.mark.parametrize(
    "way",
    [
        *("text_changed", "member_too_many", "member_missing", "path_outside", "pickle_instead"),
        *("chunk_of_another_file", "chunk_twice", "vectors_short", "not_a_number", "bomb"),
        *("endless_line", "no_manifest", "manifest_is_no_json", "two_of_one_name"),
        *("name_with_control_characters", "count_is_text"),
    ],
)
def test_a_tampered_archive_changes_nothing(way, archive, data_dir, corpus, tmp_path):
    bad = rewritten(archive, tmp_path / "bad.zip", tampered(way))
    with KnowledgeBase.open(data_dir) as kb:
        kb.ingest(corpus, "handbook")
        before = state(kb, "handbook")
        with pytest.raises((DamagedArchiveError, UsageError)):
            kb.sharing.import_archive(bad, "handbook", overwrite=True)
        with pytest.raises((DamagedArchiveError, UsageError)):
            kb.of_archive(bad)
        assert state(kb, "handbook") == before
        assert [dataset.name for dataset in kb.datasets.list()] == ["handbook"]
    folders = list((data_dir / "datasets").iterdir())
    assert len(folders) == 1
    assert not list((data_dir / "archives").glob("*")) or way == "none"


@pytest.mark.parametrize("cut", [0, 10, 1_000, -100, -1])
def test_a_truncated_archive(cut, archive, data_dir, tmp_path):
    bad = tmp_path / "bad.zip"
    bad.write_bytes(archive.read_bytes()[:cut])
    with KnowledgeBase.open(data_dir) as kb, pytest.raises(DamagedArchiveError):
        kb.sharing.import_archive(bad)


def test_a_newer_archive_is_refused_with_a_sentence(archive, data_dir, tmp_path):
    bad = rewritten(
        archive, tmp_path / "bad.zip", lambda m: manifest_of(m, lambda c: c.update(version=3))
    )
    with KnowledgeBase.open(data_dir) as kb, pytest.raises(NewerArchiveError) as caught:
        kb.sharing.import_archive(bad)
    assert "Upgrade" in caught.value.hint


def test_an_archive_is_asked_without_importing_it(source, archive, data_dir):
    with KnowledgeBase.open(source) as old, KnowledgeBase.open_archive(archive, data_dir) as opened:
        assert [dataset.name for dataset in opened.datasets.list()] == ["empty", "handbook"]
        question = QUESTIONS[0]
        before = old.retrieve(question, "handbook")
        assert told(opened.retrieve(question, "handbook")) == told(before)
    with KnowledgeBase.open(data_dir) as own:
        assert own.datasets.list() == []
    with KnowledgeBase.open_archive(archive, data_dir) as opened:  # now it is unpacked already
        assert opened.datasets.get("handbook").chunks


def test_old_unpacked_archives_go(source, data_dir, tmp_path):
    with KnowledgeBase.open(source) as kb:
        for number in range(5):
            kb.datasets.edit("empty", {"number": number})
            kb.sharing.export("empty", tmp_path / f"{number}.zip")
    for number in range(5):
        with KnowledgeBase.open_archive(tmp_path / f"{number}.zip", data_dir) as opened:
            assert opened.datasets.get("empty").metadata == {"number": number}
    assert len(list((data_dir / "archives").iterdir())) == 3


def test_a_table_of_json_lines(source, tmp_path):
    with KnowledgeBase.open(source) as kb:
        kb.sharing.export_table("handbook", tmp_path / "rows.jsonl")
        text = (tmp_path / "rows.jsonl").read_text(encoding="utf-8")
        rows = [json.loads(line) for line in text.splitlines()]
        dataset = kb.datasets.get("handbook")
        hit = kb.retrieve(QUESTIONS[0], "handbook", 1)[0]
    assert len(rows) == dataset.chunks
    assert {len(row["embedding"]) for row in rows} == {256}
    row = next(row for row in rows if row["chunk_id"] == hit.chunk.id)
    assert (row["text"], row["citation"], row["file"]) == (hit.text, hit.citation, hit.file)
    assert row["metadata"]["team"] == "support"


def test_a_table_of_parquet(source, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    with KnowledgeBase.open(source) as kb:
        kb.sharing.export_table("handbook", tmp_path / "rows.parquet", kind="parquet")
        chunks = kb.datasets.get("handbook").chunks
    table = parquet.read_table(tmp_path / "rows.parquet")
    assert table.num_rows == chunks
    row = table.slice(0, 1).to_pylist()[0]
    assert len(row["embedding"]) == 256
    assert json.loads(row["metadata"])["year"] == 2024
