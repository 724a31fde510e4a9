"""Vectors read where Chroma's graph has them are those that Chroma gives, whatever was done."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.errors import DamagedStoreError
from knowledge.storage.local.layout import DataFolder
from knowledge.storage.local.vectors import chroma, flat_index, native
from knowledge.storage.local.vectors.checksums import IDS, NAME, write_checksums
from knowledge.storage.local.vectors.chroma import ChromaIndex, waiting
from knowledge.storage.local.vectors.flat_index import FlatIndex
from knowledge.storage.local.vectors.folders import ChromaFolders
from knowledge.storage.local.vectors.graph_files import DATA, HEADER, LENGTHS
from knowledge.storage.local.vectors.reader import open_reader

KEY = "handbook-1"
DIMENSIONS = 12
PART = 40 * DIMENSIONS * 4
"""Bytes of forty vectors."""
NAMES = [f"{number:032x}" for number in range(300)]

Change = tuple[str, list[int]]


def unit(rows: int, seed: int, dimensions: int = DIMENSIONS) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(rows, dimensions)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def facts(version: int) -> dict[str, object]:
    return {"key": KEY, "generation": version, "name": "handbook"}


def published(data: Path, runs: list[list[Change]]) -> tuple[Path, dict[str, np.ndarray]]:
    """Publish a version for each run; return the last one's folder, and what it should hold."""
    index = ChromaFolders(DataFolder(data), KEY)
    held: dict[str, np.ndarray] = {}
    version = 0
    for run in runs:
        writer = index.candidate(version)
        for seed, (verb, numbers) in enumerate(run):
            ids = [NAMES[number] for number in dict.fromkeys(numbers)]
            if verb == "add":
                vectors = unit(len(ids), 1_000 * version + seed)
                writer.add(ids, vectors)
                held |= dict(zip(ids, vectors, strict=True))
            else:
                writer.delete(ids)
                held = {id: vector for id, vector in held.items() if id not in ids}
        assert writer.flush() == len(held)
        version += 1
        index.publish(version, facts(version))
    return DataFolder(data).generation(KEY, version), held


def read(reader: FlatIndex | ChromaIndex, ids: list[str]) -> dict[str, np.ndarray]:
    return {
        id: row for page, rows in reader.vectors(ids) for id, row in zip(page, rows, strict=True)
    }


def check(folder: Path, held: dict[str, np.ndarray], kind: type = FlatIndex) -> None:
    """Compare what is read with what was written, and with what Chroma reads."""
    reader = open_reader(folder, DIMENSIONS)
    try:
        assert type(reader) is kind
        found = read(reader, NAMES)
        assert set(found) == set(held)
        for id, vector in held.items():
            np.testing.assert_allclose(found[id], vector, atol=1e-6)
        assert {id for id, _ in reader.search(unit(1, 9)[0], 1_000)} == set(held)
    finally:
        reader.close()
    with ChromaIndex(folder) as chroma:
        known = read(chroma, NAMES)
    assert {id: row.tolist() for id, row in known.items()} == {
        id: row.tolist() for id, row in found.items()
    }


changes = st.tuples(
    st.sampled_from(["add", "add", "delete"]),
    st.lists(st.integers(0, len(NAMES) - 1), min_size=1, max_size=40),
)


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(
    runs=st.lists(st.lists(changes, min_size=1, max_size=3), min_size=1, max_size=3),
    part=st.sampled_from([chroma.PART_BYTES, PART]),
)
def test_what_is_read_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, runs: list[list[Change]], part: int
) -> None:
    runs = [[("add", list(range(20)))], *runs, [("add", [299])]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chroma, "PART_BYTES", part)
        folder, held = published(tmp_path_factory.mktemp("data"), runs)
        check(folder, held)


@pytest.fixture(params=[1, 3], ids=["one part", "three parts"])
def parts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many parts an index of a hundred vectors, added in three steps, has."""
    if request.param > 1:
        monkeypatch.setattr(chroma, "PART_BYTES", PART)
    return int(request.param)


A_FEW: list[Change] = [("add", list(range(130, 137)))]
A_HUNDRED: list[Change] = [("add", list(range(start, start + 40))) for start in (0, 40, 80)]


@pytest.mark.parametrize(
    "last", [[("add", [5])], [("add", [250])], [("delete", [3])], [("delete", [3]), ("add", [3])]]
)
def test_one_change_is_written_out_too(tmp_path: Path, parts: int, last: list[Change]) -> None:
    folder, held = published(tmp_path, [A_HUNDRED, last])
    assert not waiting(folder)
    assert len(chroma.part_names(folder)) in (parts, parts + 1)
    assert (folder / IDS).is_file()
    check(folder, held)


@pytest.mark.parametrize("runs", [[A_FEW], [A_FEW, A_FEW], [A_HUNDRED, A_FEW]])
def test_room_for_more_vectors_holds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs: list[list[Change]]
) -> None:
    """Chroma writes out memory as it got it, which may hold a key that this process had."""
    monkeypatch.setattr(chroma, "PART_BYTES", PART)
    folder, held = published(tmp_path, runs)
    rooms = []
    for header in folder.rglob(HEADER):
        elements, size = struct.unpack_from("<QQ", header.read_bytes(), 20)
        for name, each in ((DATA, size), (LENGTHS, 4)):
            content = header.with_name(name).read_bytes()
            rooms.append(content[elements * each :])
    assert any(rooms)
    assert not any(map(any, rooms))
    check(folder, held)


def written_by_an_older_version(folder: Path) -> None:
    (folder / IDS).unlink()
    write_checksums(folder)


def without_checksums(folder: Path) -> None:
    (folder / IDS).unlink()
    (folder / NAME).unlink()


def copied_by_an_older_version(folder: Path) -> None:
    """It knows nothing of the file with ids, and copies that of the version before."""
    stale = np.load(folder / IDS)
    stale["number"] = stale["number"][::-1]
    np.save(folder / IDS, stale)
    write_checksums(folder)


@pytest.mark.parametrize(
    "changed", [written_by_an_older_version, without_checksums, copied_by_an_older_version]
)
def test_ids_that_were_not_noted_come_from_chromas_file(
    tmp_path: Path, changed: Callable[[Path], None]
) -> None:
    folder, held = published(tmp_path, [[("add", list(range(50)))], [("delete", [1, 2, 3])]])
    changed(folder)
    check(folder, held)


def test_what_still_waits_in_chromas_queue_is_read_by_chroma(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As older versions left it after a single change."""
    monkeypatch.setattr("knowledge.storage.local.vectors.chroma.waiting", lambda *_: False)
    folder, held = published(tmp_path, [[("add", list(range(50)))], [("add", [60])]])
    monkeypatch.undo()
    written_by_an_older_version(folder)
    assert waiting(folder)
    check(folder, held, ChromaIndex)


def test_another_version_of_chroma_is_read_by_chroma(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "TESTED", frozenset({"0.0.1"}))
    folder, held = published(tmp_path, [[("add", list(range(50)))]])
    assert not (folder / IDS).exists()
    check(folder, held, ChromaIndex)


def test_a_version_that_is_no_longer_tested_is_read_by_chroma(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, held = published(tmp_path, [[("add", list(range(50)))]])
    monkeypatch.setattr(native, "TESTED", frozenset({"0.0.1"}))
    check(folder, held, ChromaIndex)


@pytest.mark.parametrize("field", [0, 1, 5, 6, 10])
def test_another_layout_is_not_read(tmp_path: Path, field: int) -> None:
    folder, _ = published(tmp_path, [[("add", list(range(50)))]])
    without_checksums(folder)
    layout = struct.Struct("<iQQQQQQiIQQQdQ")
    [header] = folder.rglob(HEADER)
    numbers = list(layout.unpack(header.read_bytes()))
    numbers[field] += 4
    header.write_bytes(layout.pack(*numbers))
    with pytest.raises(DamagedStoreError, match="makes no sense"):
        FlatIndex(folder)


def test_an_open_folder_stays_as_it_was_published(tmp_path: Path) -> None:
    folder, _ = published(tmp_path, [[("add", list(range(50)))]])
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    reader = open_reader(folder)
    reader.search(unit(1, 3)[0], 5)
    list(reader.vectors(NAMES[:9]))
    reader.close()
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_any_client_of_chroma_opens_it(tmp_path: Path, parts: int) -> None:
    import chromadb

    folder, held = published(tmp_path, [A_HUNDRED, [("delete", [4, 44])]])
    client = chromadb.PersistentClient(str(folder))
    [wanted] = unit(1, 5)
    names = sorted(one.name for one in client.list_collections())
    assert names == ["vectors", "vectors-2", "vectors-3"][:parts]
    found: list[tuple[float, str]] = []
    for name in names:
        collection = client.get_collection(name, embedding_function=None)
        answer = collection.query(query_embeddings=[wanted.tolist()], n_results=len(held))
        found += zip(answer["distances"][0], answer["ids"][0], strict=True)
    client.close()
    reader = open_reader(folder)
    assert [id for id, _ in reader.search(wanted, len(held))] == [id for _, id in sorted(found)]
    reader.close()


@pytest.mark.usefixtures("parts")
def test_a_vector_that_is_written_again_stands_once(tmp_path: Path) -> None:
    again = [("add", [1, 41, 81, 200]), ("delete", [42]), ("add", [42, 1])]
    folder, held = published(tmp_path, [A_HUNDRED, again, [("delete", [1, 41])]])
    check(folder, held)


@pytest.mark.usefixtures("parts")
def test_all_vectors_are_compared_by_number(tmp_path: Path) -> None:
    folder, held = published(tmp_path, [A_HUNDRED, [("delete", [2, 50])]])
    question = unit(1, 5)[0]
    reader = FlatIndex(folder)
    ids = sorted(held)
    numbers = reader.numbers(np.array([id.encode() for id in [*ids, NAMES[2], "other"]]))
    assert numbers[-2:].tolist() == [-1, -1]
    numbers = numbers[:-2]
    wanted = np.stack([held[id] for id in ids])
    np.testing.assert_allclose(reader.rows(numbers), wanted, atol=1e-6)
    np.testing.assert_allclose(reader.cosines(question)[numbers], wanted @ question, atol=1e-5)
    np.testing.assert_allclose(reader.cosines(question, numbers), wanted @ question, atol=1e-5)
    reader.close()


def test_an_index_in_parts_is_rebuilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chroma, "PART_BYTES", PART)
    _, held = published(tmp_path, [A_HUNDRED])
    index = ChromaFolders(DataFolder(tmp_path), KEY)
    writer = index.candidate(1)
    writer.add([NAMES[7]], held[NAMES[8]][None])
    left = {id: held[id] for id in NAMES[5:60]} | {NAMES[7]: held[NAMES[8]]}
    writer.rebuild([*left])
    assert writer.flush() == len(left)
    index.publish(2, facts(2))
    folder = DataFolder(tmp_path).generation(KEY, 2)
    assert chroma.part_names(folder) == ["vectors", "vectors-2"]
    check(folder, left)


@pytest.mark.parametrize("name", ["a", "0123456789abcdef", "F" * 32, "f" * 31 + "\n", "ü" * 16])
def test_ids_that_are_no_hashes(tmp_path: Path, name: str) -> None:
    index = ChromaFolders(DataFolder(tmp_path), KEY)
    writer = index.candidate(0)
    vectors = unit(3, 1)
    writer.add([name, *NAMES[:2]], vectors)
    writer.flush()
    index.publish(1, facts(1))
    reader = open_reader(DataFolder(tmp_path).generation(KEY, 1))
    assert type(reader) is FlatIndex
    assert set(read(reader, [name, "b", NAMES[1], NAMES[5]])) == {name, NAMES[1]}
    assert reader.search(vectors[0], 1)[0][0] == name
    reader.close()


def test_a_list_of_ids_that_an_older_version_wrote(tmp_path: Path) -> None:
    folder, held = published(tmp_path, [[("add", list(range(50)))]])
    now = np.load(folder / IDS)
    before = np.zeros(len(now), dtype=[("id", "S32"), ("number", np.int64)])
    before["id"], before["number"] = sorted(id.encode() for id in held), now["number"]
    np.save(folder / IDS, before)
    write_checksums(folder, chromadb=native.installed_version())
    check(folder, held)


@pytest.mark.parametrize("dimensions", [256, 768, 1_536, 4_096])
def test_dimensions(tmp_path: Path, dimensions: int) -> None:
    index = ChromaFolders(DataFolder(tmp_path), KEY)
    vectors = unit(30, 1, dimensions)
    writer = index.candidate(0)
    writer.add(NAMES[:30], vectors)
    writer.flush()
    index.publish(1, facts(1))
    reader = index.open(1, dimensions)
    assert type(reader) is FlatIndex
    [(ids, rows)] = reader.vectors(NAMES[:30])
    assert ids == NAMES[:30]
    np.testing.assert_allclose(rows, vectors, atol=1e-5)
    assert reader.search(vectors[7], 1)[0][0] == NAMES[7]
    reader.close()
    with pytest.raises(DamagedStoreError, match=f"{dimensions} dimensions, not 12"):
        index.open(1, 12)


def test_many_vectors_are_found_by_the_graph_and_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flat_index, "EXACT_BYTES", 0)
    folder, _ = published(tmp_path, [[("add", list(range(300)))], [("delete", [1])]])
    reader = open_reader(folder)
    question = unit(1, 4)[0]
    found = reader.search(question, 20)
    assert not reader.matrix().quick
    assert found == reader.search(question, 20, among=[*NAMES[:1], *NAMES[2:]])
    assert reader.search(question, 50)[:20] == found
    reader.close()


def test_the_version_that_wrote_it_stands_with_the_checksums(tmp_path: Path) -> None:
    folder, _ = published(tmp_path, [[("add", list(range(50)))]])
    noted = json.loads((folder / NAME).read_bytes())["files"]
    assert noted[IDS]["chromadb"] == native.installed_version()
