"""Archives that are damaged or too large: what can be read is, the rest is told."""

import gzip
import random
import zipfile

import pytest

from knowledge.documents import budget
from knowledge.ingestion.workers.loading import LoadTask, load_file
from knowledge.model import FileStatus, SplitterSpec
from tests.documents.archive_makers import problems, read, tarred, texts, zipped

FILES = {"a.md": "# Alpha\n", "b.txt": "first\nsecond\n"}


def noise(size=4000):
    return random.Random(3).randbytes(size // 2).hex()


def test_a_zip_archive_that_is_cut_off():
    data = zipped({"a.md": "# Alpha", "b.txt": noise(), "c.txt": "never there"})
    loaded = read(data[: data.find(b"c.txt") - 40], "x.zip")
    assert texts(loaded) == {"a.md": "# Alpha"}
    assert problems(loaded)["b.txt"][0] == "failed"
    assert "after a.md" in problems(loaded)[""][1]


def test_a_zip_archive_whose_directory_is_lost():
    data = zipped(FILES)
    loaded = read(data[: data.find(b"PK\1\2")], "x.zip")
    assert texts(loaded) == FILES
    assert "cut off or damaged" in problems(loaded)[""][1]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_archive_that_is_cut_off(mode):
    content = {"a.md": "# Alpha", "b.txt": noise(600_000), "c.txt": "never there"}
    data = tarred(content, mode)
    loaded = read(data[: len(data) * 6 // 10], "x.tar")
    found = problems(loaded)
    if mode in ("w", "w:gz"):  # the others unpack in blocks of 900 kB and more
        assert texts(loaded) == {"a.md": "# Alpha"}
        assert "after a.md" in found[""][1]
    assert all(status == "failed" for status, _ in found.values())
    assert found


def test_a_packed_file_that_is_cut_off():
    whole = noise(600_000)
    data = gzip.compress(whole.encode())
    loaded = read(data[: len(data) // 2], "log.txt.gz")
    (text,) = texts(loaded).values()
    assert whole.startswith(text)
    assert len(text) > 100_000
    assert problems(loaded)["log.txt"][0] == "failed"


def test_damage_in_one_member():
    data = bytearray(zipped({"a.txt": noise(), "b.txt": "fine"}))
    data[200] ^= 0xFF
    loaded = read(bytes(data), "x.zip")
    assert texts(loaded) == {"b.txt": "fine"}
    assert "damaged" in problems(loaded)["a.txt"][1]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.zip", b"no archive"),
        ("a.zip", b"PK\3\4" + bytes(3)),
        ("a.tar", b"no archive" * 100),
        ("a.gz", b"no archive"),
        ("a.bz2", b"BZh9 no archive"),
        ("a.tar.gz", b"\x1f\x8b\x08" + bytes(50)),
    ],
)
def test_what_is_no_archive_at_all(name, data):
    outcome = load_file(LoadTask("", name, SplitterSpec(), 1 << 30, content=data))
    assert outcome.status is FileStatus.FAILED
    assert outcome.reason


def test_a_bound_on_the_ratio():
    bomb = zipped({"zeros.txt": bytes(budget.FREE + 1), "b.txt": "fine"})
    loaded = read(bomb, "x.zip")
    assert texts(loaded) == {"b.txt": "fine"}
    assert "250 times" in problems(loaded)["zeros.txt"][1]
    packed = tarred({"a.txt": "a", "zeros.txt": bytes(budget.FREE + 1)}, "w:gz")
    loaded = read(packed, "x.tgz")
    assert texts(loaded) == {"a.txt": "a"}
    assert "250 times" in problems(loaded)[""][1]


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_bound_on_what_is_unpacked_at_all_levels(pack):
    inner = zipped({f"{n}.txt": noise(40_000) for n in range(3)}, zipfile.ZIP_STORED)
    loaded = read(pack([("a.zip", inner), ("b.txt", "b")]), "x", max_unpacked=210_000)
    assert set(texts(loaded)) - {"b.txt"} == {"a.zip!/0.txt", "a.zip!/1.txt"}
    reasons = " ".join(reason for _, reason in problems(loaded).values())
    assert "KNOW_MAX_UNPACKED_SIZE" in reasons


def test_a_bound_on_members(monkeypatch):
    monkeypatch.setattr(budget, "MAX_MEMBERS", 3)
    loaded = read(zipped({f"{n}.txt": str(n) for n in range(5)}), "x.zip")
    assert set(texts(loaded)) == {"0.txt", "1.txt", "2.txt"}
    assert problems(loaded)["3.txt"] == ("failed", "it holds more than 3 files, the limit")


def test_a_bound_on_text():
    data = zipped({f"{n}.txt": noise(1000) for n in range(5)})
    loaded = read(data, "x.zip", max_text=2500)
    assert set(texts(loaded)) == {"0.txt", "1.txt"}
    assert "KNOW_MAX_TEXT_SIZE" in problems(loaded)["2.txt"][1]
