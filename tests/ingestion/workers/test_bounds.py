"""Files made to do harm: each ends soon, within the memory of a file, with a reason."""

from __future__ import annotations

import gzip
import io
import lzma
import re
import struct
import tarfile
import time
import zipfile
import zlib
from pathlib import Path

import pytest

from knowledge.documents import budget
from knowledge.documents.options import LoadOptions
from knowledge.ingestion.workers.crew import LocalCrew
from knowledge.ingestion.workers.loading import LoadedFile, LoadTask
from knowledge.model import FileStatus, SplitterSpec
from tests.documents.archive_makers import tarred, zipped
from tests.documents.makers import PNG, pdf

SECONDS = 60.0
MEMORY = 1024


def outcome(tmp_path: Path, name: str, data: bytes | None = None, **options: int) -> LoadedFile:
    """Read one file as an ingest does, in a worker process with limits."""
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    task = LoadTask(
        str(path), name, SplitterSpec(), max_file=512 << 20, options=LoadOptions(**options)
    )
    started = time.monotonic()
    (file,) = LocalCrew(1, SECONDS, MEMORY << 20).load_files([task])
    assert time.monotonic() - started < SECONDS
    assert not re.search("took longer than|memory|crashed|its reader", file.reason), file.reason
    assert file.status is FileStatus.INGESTED or file.reason
    return file


def reasons(file: LoadedFile) -> str:
    return "\n".join([file.reason, *(problem.reason for problem in file.problems)])


def test_a_zip_bomb(tmp_path):
    zeros = bytes(budget.FREE * 2)
    file = outcome(tmp_path, "bomb.zip", zipped({"0.txt": zeros, "1.bin": zeros, "a.txt": "fine"}))
    assert [passage.text for passage in file.passages] == ["fine"]
    assert reasons(file).count("250 times its size") == 2


def test_a_zip_bomb_of_archives_in_archives(tmp_path):
    data = zipped({"0.txt": bytes(budget.FREE * 2)})
    for _ in range(5):
        data = zipped({f"{number}.zip": data for number in range(8)})
    file = outcome(tmp_path, "42.zip", data)
    assert file.status is FileStatus.FAILED
    assert "3 archives deep" in reasons(file)
    assert len(file.problems) == 8**3


def overlapping(count: int) -> bytes:
    """A ZIP archive whose members all unpack the same bytes, as in David Fifield's bombs."""
    content = bytes(8 << 20)  # below the size at which the ratio counts
    packer = zlib.compressobj(9, wbits=-15)
    packed = packer.compress(content) + packer.flush()
    sizes = (zlib.crc32(content), len(packed), len(content))
    local = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 8, 0, 0, *sizes, 5, 0) + b"a.txt" + packed
    entries = b"".join(
        struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 8, 0, 0, *sizes, 5, *[0] * 6) + b"a.txt"
        for _ in range(count)
    )
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, len(entries), len(local), 0)
    return local + entries + end


def test_a_zip_bomb_of_overlapping_members(tmp_path):
    file = outcome(tmp_path, "overlap.zip", overlapping(9_000), max_unpacked=64 << 20)
    assert "KNOW_MAX_UNPACKED_SIZE" in reasons(file)


@pytest.mark.slow
def test_bombs_of_other_packers(tmp_path):
    file = outcome(tmp_path, "zeros.txt.gz", gzip.compress(bytes(64 << 20)))
    assert "250 times its size" in reasons(file)
    file = outcome(tmp_path, "zeros.txt.xz", lzma.compress(bytes(64 << 20)))
    assert "250 times its size" in reasons(file)
    inner = gzip.compress(bytes(64 << 20))
    file = outcome(tmp_path, "zeros.gz.gz", gzip.compress(inner))
    assert "250 times its size" in reasons(file)


@pytest.mark.slow
def test_tar_archives_that_say_they_are_huge(tmp_path):
    huge = tarfile.TarInfo("huge.txt")
    huge.size = 1 << 42
    data = huge.tobuf() + bytes(1024)
    file = outcome(tmp_path, "huge.tar", data)
    assert "larger than 512 MiB" in reasons(file)
    sparse = tarfile.TarInfo("sparse.txt")
    sparse.size = 0
    sparse.pax_headers = {
        "GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.size": str(1 << 25),
        "GNU.sparse.map": "0,0", "GNU.sparse.name": "sparse.txt",
    }  # fmt: skip
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for number in range(5):
            sparse.name = f"{number}.txt"
            archive.addfile(sparse)
    file = outcome(tmp_path, "sparse.tar", output.getvalue(), max_unpacked=64 << 20)
    assert "KNOW_MAX_UNPACKED_SIZE" in reasons(file)


LAUGHS = b"".join(
    b'<!ENTITY l%d "%s">' % (number, b"&l%d;" % (number - 1) * 10) for number in range(1, 12)
)
BILLION = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY l0 "lol">%s]><lolz><p>fine</p>&l11;</lolz>'
    % LAUGHS
)
EXTERNAL = b'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY e SYSTEM "file://%s">]><d>a word &e;</d>'


@pytest.mark.parametrize("name", ["laughs.xml", "laughs.svg", "laughs.html", "laughs.xhtml"])
def test_a_billion_laughs(tmp_path, name):
    file = outcome(tmp_path, name, BILLION)
    assert sum(len(passage.text) for passage in file.passages) < 100_000


def test_a_billion_laughs_inside_an_office_file(tmp_path):
    from tests.documents.makers import docx

    with zipfile.ZipFile(io.BytesIO(docx(lambda document: document.add_paragraph("x")))) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    body = parts["word/document.xml"]
    head = body.index(b"?>") + 2
    doctype = b'<!DOCTYPE lolz [<!ENTITY l0 "lol">%s]>' % LAUGHS
    parts["word/document.xml"] = (body[:head] + doctype + body[head:]).replace(b">x<", b">&l11;<")
    file = outcome(tmp_path, "laughs.docx", zipped(parts))
    assert sum(len(passage.text) for passage in file.passages) < 100_000


@pytest.mark.parametrize("name", ["a.xml", "a.svg", "a.xhtml", "a.html"])
def test_external_entities(tmp_path, name):
    secret = tmp_path / "secret.txt"
    secret.write_text("the launch code")
    file = outcome(tmp_path, name, EXTERNAL % str(secret).encode())
    assert "launch code" not in "".join(passage.text for passage in file.passages)


@pytest.mark.slow
def test_a_pdf_of_ten_thousand_pages(tmp_path):
    file = outcome(tmp_path, "long.pdf", pdf(*(f"Page {n} of many." for n in range(1, 10_001))))
    assert file.status is FileStatus.INGESTED
    assert file.passages[-1].page_end == 10_000
    for passage in file.passages[::500]:
        assert f"Page {passage.page_start} of" in passage.text


def test_a_sparse_text_file_of_a_gigabyte(tmp_path):
    with (tmp_path / "sparse.txt").open("wb") as file:
        file.truncate(1 << 30)
    assert "1024 MiB is more than the limit" in outcome(tmp_path, "sparse.txt").reason


@pytest.mark.slow
def test_a_sparse_text_file_below_the_limit_of_files(tmp_path):
    with (tmp_path / "sparse.txt").open("wb") as file:
        file.truncate(400 << 20)
    assert outcome(tmp_path, "sparse.txt").status is FileStatus.FAILED


def raw_pdf(*objects: str) -> bytes:
    from tests.documents.makers import _with_table

    return _with_table(list(objects), "")


PAGE = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] /Contents 4 0 R "
FORM = (
    "<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Length 6 "
    "/Resources << /XObject << /F 5 0 R >> >> >>\nstream\n/F Do \nendstream"
)
RECURSIVE = {
    "pages": ["<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [2 0 R] /Count 1 >>"],
    "contents": [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        PAGE + ">>",
        "[4 0 R 4 0 R]",
    ],
    "form": [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        PAGE + "/Resources << /XObject << /F 5 0 R >> >> >>",
        "<< /Length 6 >>\nstream\n/F Do \nendstream",
        FORM,
    ],
    "length": [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        PAGE + ">>",
        "<< /Length 4 0 R >>\nstream\nBT (x) Tj ET\nendstream",
    ],
    "reference": ["1 0 R"],
    "parent": [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 /Parent 3 0 R >>",
        "<< /Type /Pages /Kids [2 0 R] /Count 1 /Parent 2 0 R >>",
    ],
}


@pytest.mark.parametrize("kind", RECURSIVE)
def test_a_pdf_with_a_recursive_object(tmp_path, kind):
    file = outcome(tmp_path, f"{kind}.pdf", raw_pdf(*RECURSIVE[kind]))
    assert file.status in (FileStatus.FAILED, FileStatus.EMPTY)


def test_a_picture_under_the_name_of_a_word_document(tmp_path):
    file = outcome(tmp_path, "letter.docx", PNG)
    assert file.status in (FileStatus.UNSUPPORTED, FileStatus.FAILED, FileStatus.EMPTY)
    assert "PNG" in file.reason or "picture" in file.reason or "image" in file.reason


DEEP = {
    "deep.json": b"[" * 300_000,
    "deep.xml": b"<a>" * 80_000,
    "deep.html": b"<div>" * 100_000 + b"words",
    "deep.md": b"> " * 100_000 + b"words",
    "list.md": b"".join(b" " * n + b"- x\n" for n in range(2000)),
    "brackets.md": b"[" * 200_000 + b"words",
    "emphasis.md": b"*a **b " * 50_000,
    "line.txt": b"word " * 300_000,
    "deep.yaml": b"[" * 100_000,
    "alias.yaml": b"a0: &a0 [x]\n"
    + b"".join(
        b"a%d: &a%d [%s]\n" % (n, n, b",".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 12)
    ),
    "wide.csv": b"a," * 100_000 + b"\n" + b"1," * 100_000,
    "quote.csv": b'a,"' + b"b\n" * 150_000,
    "deep.rtf": b"{\\rtf1" + b"{" * 200_000 + b"words",
    "deep.py": b"(" * 200_000,
    "deep.eml": b"".join(
        b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (n, n) for n in range(20_000)
    ),
    "people.eml": b"To: " + b"a@b.c, " * 200_000 + b"\n\nwords\n",
    "dashes.mbox": b"From a@b Tue Mar  3 10:00:00 2026\nSubject: x\n\n" + b"From \n\n" * 80_000,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DEEP)
def test_texts_without_measure(tmp_path, name):
    outcome(tmp_path, name, DEEP[name])


@pytest.mark.slow
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_many_members(tmp_path, pack):
    file = outcome(tmp_path, "many.zip", pack({f"{n}.txt": "" for n in range(12_000)}))
    assert "more than 10,000 files" in reasons(file)
