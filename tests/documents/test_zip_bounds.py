import functools
import io
import struct
import zipfile
import zlib

import pytest

from knowledge.documents.loaders.archives.zip_bounds import check_office_zip, check_zip
from knowledge.errors import DocumentError
from tests.documents.makers import load_one
from tests.documents.makers_office import packed

MIB = 1024 * 1024


@functools.cache
def zeros(size, name="word/document.xml"):
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open(name, "w", force_zip64=True) as member:
            for _ in range(size // MIB):
                member.write(bytes(MIB))
    return output.getvalue()


def lying(size, told):
    """An archive whose only member unpacks to ``size`` bytes, but says ``told``."""
    deflater = zlib.compressobj(wbits=-15)
    piece = deflater.compress(bytes(MIB)) + deflater.flush(zlib.Z_FULL_FLUSH)
    data = piece * (size // MIB) + deflater.flush()
    name = b"word/document.xml"
    head = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0, 0, len(data), told, len(name), 0)
    local = b"PK\3\4" + head + name + data
    central = b"PK\1\2" + struct.pack("<H", 20) + head + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + end


def test_ordinary_archives_pass():
    data = packed({"a.xml": "<a/>", "b/c.txt": "text " * 1000})
    assert [member.filename for member in check_zip(data)] == ["a.xml", "b/c.txt"]
    assert len(check_office_zip(data)) == 2


def test_a_bound_on_the_total():
    with pytest.raises(DocumentError, match="unpack to 2 MiB, more than the limit, 1 MiB"):
        check_zip(zeros(2 * MIB), max_total=MIB)


def test_a_bound_on_members():
    with pytest.raises(DocumentError, match="holds 3 files, more than 2"):
        check_zip(packed({"a": "", "b": "", "c": ""}), max_members=2)


def test_a_bomb():
    with pytest.raises(DocumentError, match="looks like a ZIP bomb"):
        check_zip(zeros(80 * MIB))


def test_small_archives_may_be_packed_well():
    assert check_zip(zeros(32 * MIB))


def test_a_member_that_is_longer_than_it_says():
    with pytest.raises(DocumentError, match="is longer than it says"):
        check_zip(lying(80 * MIB, 1000), max_total=64 * MIB)


@pytest.mark.parametrize(
    "data",
    [b"", b"PK\3\4", b"PK\3\4" + bytes(100), packed({"a": "x"})[:-10]],
    ids=["nothing", "a head", "zeros", "cut off"],
)
def test_what_is_no_whole_archive(data):
    with pytest.raises(DocumentError, match="damaged or cut off"):
        check_zip(data)


def test_office_files_are_packed_in_two_ways_only():
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("word/document.xml", "<x/>")
    with pytest.raises(DocumentError, match="packed in a way"):
        check_office_zip(output.getvalue())


@pytest.mark.parametrize("name", ["a.docx", "a.pptx", "a.xlsx", "a.odt", "a.ods", "a.epub"])
def test_no_office_format_unpacks_a_bomb(name):
    with pytest.raises(DocumentError, match="ZIP bomb"):
        load_one(zeros(80 * MIB, "x.xml"), name)


def test_a_document_part_that_lies_is_not_unpacked():
    data = lying(2200 * MIB, 1000)
    with pytest.raises(DocumentError, match="is longer than it says"):
        load_one(data, "a.docx")
