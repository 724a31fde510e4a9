"""Archives that somebody forged, with hashes that fit: refused in words, or as good as any."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from knowledge import KnowledgeBase
from knowledge.errors import DamagedArchiveError
from knowledge.storage.archive.opening import open_archive, read_manifest, verify
from tests.conftest import write_files

MANIFEST = "manifest.json"
FILES, CHUNKS, VECTORS = (
    f"datasets/0001/{part}" for part in ("files.jsonl", "chunks.jsonl", "vectors.f32")
)
QUESTION = "signing key"
DOCUMENTS = {
    "keys.md": "---\ntitle: Keys\n---\n# Signing keys\n\nRotate the signing key each quarter.\n",
    "twice.txt": "one line\n",
    "travel.txt": "A night in a hotel may cost 140 euros.\n",
}
FORGED = "@forged@"
DEEP = "[" * 5_000 + "]" * 5_000
WRONG = {
    "text": '"yesterday"',
    "number": "5",
    "negative": "-5",
    "fraction": "0.5",
    "huge": str(10**30),
    "beyond-64-bits": str(2**63),
    "infinite": "1e400",
    "nan": "NaN",
    "true": "true",
    "empty": '""',
    "null": "null",
    "surrogate": r'"\ud800"',
    "nul": r'"a\u0000b"',
    "list": "[1]",
    "object": '{"a": 1}',
    "object-with-nan": '{"a": NaN}',
    "object-with-infinity": '{"a": [1e400]}',
    "object-with-nul": r'{"a\u0000": {"b": 1}}',
    "object-with-huge": '{"a": ' + str(10**30) + "}",
    "deep": DEEP,
    "deep-object": '{"a": ' * 60 + "1" + "}" * 60,
    "many-digits": "1" * 6_000,
    "missing": None,
}
"""JSON to put in the place of each field; None takes the field out."""
OTHER_TEXT = {"provider", "model"}
"""Fields of which another text names another model, which is none of the archive's business."""


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The members of a valid archive."""
    home = tmp_path_factory.mktemp("valid")
    write_files(home / "docs", DOCUMENTS)
    with KnowledgeBase.open(home / "data") as kb:
        kb.ingest(home / "docs", "handbook", metadata={"team": "support"})
        kb.datasets.edit("handbook", {"owner": "ana"})
        kb.sharing.export("handbook", home / "valid.zip")
    with zipfile.ZipFile(home / "valid.zip") as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def written(members: dict[str, bytes], path: Path, manifest: Callable[[str], str] = str) -> Path:
    """Write an archive whose hashes and sizes fit; ``manifest`` may change its manifest's text."""
    told = json.loads(members[MANIFEST])
    for member in told["datasets"][0]["members"]:
        data = members[member["path"]]
        member |= {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MANIFEST, manifest(json.dumps(told)))
        for name, data in members.items():
            if name != MANIFEST:
                archive.writestr(name, data)
    return path


def forged_text(text: str, path: tuple[str | int, ...], value: str | None) -> str:
    """Return JSON with another value in one place."""
    content = json.loads(text)
    inner = content
    for step in path[:-1]:
        inner = inner[step]
    if value is None:
        del inner[path[-1]]
        return json.dumps(content)
    inner[path[-1]] = FORGED
    return json.dumps(content).replace(f'"{FORGED}"', value)


def places(content: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the place of each value in JSON."""
    items = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


def forgeries(
    members: dict[str, bytes], member: str, folder: Path, every: int
) -> Iterator[tuple[str, str, Path]]:
    """Yield the field, the kind of value, and the archive, of ``every`` so manieth one."""
    first, _, rest = members[member].partition(b"\n")
    text = members[member].decode() if member == MANIFEST else first.decode()
    path = folder / "forged.zip"
    fields = [
        (place, kind)
        for place, kind in product(places(json.loads(text)), WRONG)
        if not (place[-1] in OTHER_TEXT and kind == "text")
    ]
    for place, kind in fields[::every]:
        if member == MANIFEST:
            changed = partial(forged_text, path=place, value=WRONG[kind])
            written(members, path, changed)
        else:
            line = forged_text(text, place, WRONG[kind]).encode()
            written({**members, member: line + b"\n" + rest}, path)
        yield next(str(step) for step in reversed(place) if isinstance(step, str)), kind, path


def refusal(archive: Path) -> str:
    """Return why an archive is refused, before anything is written; empty when it is not."""
    try:
        with open_archive(archive) as opened:
            for dataset in read_manifest(opened):
                verify(opened, dataset)
    except DamagedArchiveError as error:
        return error.message
    return ""


def state(data: Path) -> Any:
    with KnowledgeBase.open(data) as kb:
        folders = sorted(path.name for path in data.glob("datasets/*"))
        return kb.datasets.list(), folders, sorted(path.name for path in data.glob("archives/*"))


@pytest.mark.parametrize("member", [MANIFEST, FILES, CHUNKS])
@pytest.mark.parametrize("every", [31, pytest.param(2, marks=pytest.mark.slow)])
def test_each_field_with_each_wrong_value(run, members, data_dir, tmp_path, member, every):
    """Of all, ``every`` so manieth is tried: writing what is accepted takes its time."""
    written(members, tmp_path / "valid.zip")
    with KnowledgeBase.open(data_dir) as kb:
        kb.sharing.import_archive(tmp_path / "valid.zip")
    before = state(data_dir)
    refused, passed, accepted = 0, 0, []
    for field, kind, archive in forgeries(members, member, tmp_path, every):
        with KnowledgeBase.open(data_dir) as kb:
            if message := refusal(archive):
                assert str(archive) in message
                told_place = field in message or "invalid JSON" in message
                assert told_place or kind == "missing", (field, kind, message)
                assert message.isprintable()
                assert len(message) < 1_000
                refused += 1
                with pytest.raises(DamagedArchiveError):
                    kb.sharing.import_archive(archive)
                with pytest.raises(DamagedArchiveError):
                    kb.of_archive(archive)
                continue
            passed += 1
            [dataset] = kb.sharing.import_archive(archive, rename=f"taken {passed}")
            accepted.append((dataset.name, field, kind))
            hits = kb.retrieve(QUESTION, dataset.name, 3)
            assert hits, (field, kind)
            assert kb.files.list(dataset.name)
    assert refused > 100 / every
    listed = run("list-datasets", "--json")
    assert listed.code == 0
    checked = run("doctor", "--json", "--offline")
    damaged = [one for one in checked.json["findings"] if one["severity"] == "damage"]
    assert not damaged, [(one, accepted) for one in damaged]
    for name, *_ in accepted:
        assert run("get-dataset", name, "--json").code == 0
        assert run("list-files", "-d", name, "--json").code == 0
        assert run("delete-dataset", name, "--yes").code == 0
    assert state(data_dir) == before


def lines(members: dict[str, bytes], member: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in members[member].splitlines()]


def with_lines(
    members: dict[str, bytes], member: str, records: list[dict[str, Any]]
) -> dict[str, bytes]:
    return {**members, member: b"".join(json.dumps(one).encode() + b"\n" for one in records)}


def with_vectors(members: dict[str, bytes], change: Callable[[Any], Any]) -> dict[str, bytes]:
    rows = np.frombuffer(members[VECTORS], "<f4").reshape(-1, 256).copy()
    return {**members, VECTORS: change(rows).astype("<f4").tobytes()}


def edited(member: str, **fields: Any) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    """Give other values to fields of the first record of a member."""

    def change(members: dict[str, bytes]) -> dict[str, bytes]:
        first, *rest = lines(members, member)
        return with_lines(members, member, [{**first, **fields}, *rest])

    return change


def scaled(factor: float) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    return lambda members: with_vectors(members, lambda rows: rows * np.float32(factor))


def one_nan(members: dict[str, bytes]) -> dict[str, bytes]:
    def change(rows: Any) -> Any:
        rows[1, 7] = np.nan
        return rows

    return with_vectors(members, change)


def twice(member: str) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    def change(members: dict[str, bytes]) -> dict[str, bytes]:
        first, _, *rest = lines(members, member)
        return with_lines(members, member, [first, first, *rest])

    return change


def one_path(members: dict[str, bytes]) -> dict[str, bytes]:
    first, second, *rest = lines(members, FILES)
    return with_lines(members, FILES, [first, {**second, "path": first["path"]}, *rest])


def one_too_many(members: dict[str, bytes]) -> dict[str, bytes]:
    records = lines(members, CHUNKS)
    return with_lines(members, CHUNKS, [*records, {**records[-1], "id": "0" * 32}])


CONTENTS = {
    "another-text": (edited(CHUNKS, text="Forged words."), "id"),
    "another-heading": (edited(CHUNKS, heading=["Forged"]), "id"),
    "another-id": (edited(CHUNKS, id="0" * 32), "id"),
    "upper-case-id": (edited(CHUNKS, id="A" * 32), "id"),
    "another-file": (edited(CHUNKS, file_id="0" * 32), "file_id"),
    "another-file-id": (edited(FILES, id="0" * 32), "file_id"),
    "end-before-start": (edited(CHUNKS, line_start=9, line_end=3), "line_end"),
    "end-without-start": (edited(CHUNKS, page_start=None, page_end=3), "page_end"),
    "span-backwards": (edited(CHUNKS, char_start=9, char_end=3), "char_end"),
    "year-0001": (edited(FILES, ingested_at="0001-01-01T00:00:00+14:00"), "ingested_at"),
    "no-zone": (edited(FILES, ingested_at="2026-01-01T00:00:00"), "ingested_at"),
    "header-in-two-lines": (edited(FILES, remembered={"etag": "a\r\nX: b"}), "etag"),
    "flags-are-a-list": (edited(FILES, remembered={"flags": [1]}), "flags"),
    "file-twice": (twice(FILES), "file id"),
    "path-twice": (one_path, "path"),
    "chunk-twice": (twice(CHUNKS), "chunk id"),
    "chunk-too-many": (one_too_many, "without a file"),
    "zero-vectors": (scaled(0), "length 1"),
    "huge-vectors": (scaled(3e38), "length 1"),
    "long-vectors": (scaled(1.01), "length 1"),
    "nan-vector": (one_nan, "length 1"),
    "no-line-end": (lambda members: {**members, FILES: members[FILES].rstrip()}, "line 3"),
    "empty-line": (lambda members: {**members, FILES: b"\n" + members[FILES]}, "line 1"),
    "utf-16": (
        lambda members: {**members, FILES: members[FILES].decode().encode("utf-16")},
        "line 1",
    ),
    "nested-lines": (lambda members: {**members, CHUNKS: DEEP.encode() + b"\n"}, "line 1"),
}


@pytest.mark.parametrize("kind", CONTENTS)
def test_contents_that_do_not_fit(run, members, data_dir, tmp_path, kind):
    change, named = CONTENTS[kind]
    bad = written(change(members), tmp_path / "bad.zip")
    for command in (
        ("import", bad),
        ("retrieve", "--archive", bad, "-d", "handbook", QUESTION),
        ("list-datasets", "--archive", bad),
    ):
        done = run(*command, "--json")
        assert done.code == 7, (command, done.out)
        error = done.json["error"]
        assert error["code"] == "archive-damaged"
        assert str(bad) in error["message"]
        assert named in error["message"]
    assert not list(data_dir.glob("datasets/*"))
    assert not list(data_dir.glob("archives/*"))


def test_an_import_over_a_dataset_changes_nothing_of_it(run, members, data_dir, tmp_path):
    good = written(members, tmp_path / "good.zip")
    assert run("import", good).code == 0
    before = state(data_dir)
    bad = written(CONTENTS["zero-vectors"][0](members), tmp_path / "bad.zip")
    assert run("import", bad, "--overwrite").code == 7
    assert state(data_dir) == before
    assert run("doctor", "--offline").code == 0


def test_a_second_dataset_that_is_bad_keeps_the_first_out(run, members, data_dir, tmp_path):
    told = json.loads(members[MANIFEST])
    [first] = told["datasets"]
    second = json.loads(json.dumps(first).replace("datasets/0001", "datasets/0002"))
    second |= {"name": "second", "updated_at": "tomorrow"}
    told["datasets"].append(second)
    both = dict(members)
    both |= {name.replace("0001", "0002"): data for name, data in members.items() if "0001" in name}
    bad = tmp_path / "bad.zip"
    with zipfile.ZipFile(bad, "w") as archive:
        for name, data in {**both, MANIFEST: json.dumps(told).encode()}.items():
            archive.writestr(name, data)
    done = run("import", bad, "--json")
    assert done.code == 7
    assert "datasets.1.updated_at" in done.json["error"]["message"]
    assert not data_dir.exists() or not list(data_dir.glob("datasets/*"))


def test_a_file_that_lost_something_does_not_ask_the_doctor_for_it(
    run, members, data_dir, tmp_path
):
    """Its path is the archive's word; what lies there now is nobody's but the reader's."""
    secret = tmp_path / "secret.txt"
    secret.write_text("the password is swordfish\n")
    forged = edited(FILES, size=-1, mtime_ns=0, content_hash="", path=str(secret))(members)
    assert run("import", written(forged, tmp_path / "forged.zip")).code == 0
    assert run("doctor", "--fix", "--offline").code == 0
    shown = run("retrieve", "password swordfish", "-d", "handbook")
    assert "swordfish" not in shown.out


def encrypted(data: bytes) -> bytes:
    """Set the flag that says so, of each member."""
    changed = bytearray(data)
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = -1
        while (start := data.find(signature, start + 1)) >= 0:
            changed[start + at] |= 1
    return bytes(changed)


def test_what_is_packed_as_no_export_packs(run, members, tmp_path):
    bad = written(members, tmp_path / "bad.zip")
    bad.write_bytes(encrypted(bad.read_bytes()))
    done = run("import", bad, "--json")
    assert (done.code, done.json["error"]["code"]) == (7, "archive-damaged")
    with zipfile.ZipFile(bad, "w", zipfile.ZIP_BZIP2) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    assert run("import", bad).code == 7
    assert run("import", tmp_path).code == 3


def test_a_bomb_is_not_unpacked(run, members, data_dir, tmp_path):
    bad = written({**members, FILES: b" " * 200_000_000}, tmp_path / "bomb.zip")
    done = run("import", bad, "--json")
    assert done.code == 7
    assert "would unpack to" in done.json["error"]["message"]
    assert FILES in done.json["error"]["message"]
    assert not list(data_dir.glob("*/*"))
