import bz2
import gzip
import io
import lzma
import os
import string
import struct
import tarfile
import zipfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.documents.loading import load
from knowledge.documents.splitting.splitting import split
from knowledge.errors import DocumentError, EmptyDocumentError, UnsupportedDocumentError
from knowledge.model import SplitterSpec
from tests.documents.archive_makers import problems, read, tar_info, tarred, texts, zipped
from tests.documents.makers import pdf

FILES = {"notes/a.md": "# Alpha\n\nOne.\n\nTwo.\n", "b.txt": "first\nsecond\n"}
PACKED = {"x.zip": zipped, "x.tar": tarred}
for ending in ("gz", "bz2", "xz"):
    PACKED[f"x.tar.{ending}"] = lambda files, ending=ending: tarred(files, f"w:{ending}")


@pytest.mark.parametrize("name", PACKED)
def test_members_are_read_as_files_of_their_own(name):
    loaded = read(PACKED[name](FILES), name)
    assert texts(loaded) == FILES
    assert loaded.problems == ()
    first, second = loaded.documents
    assert first.metadata == {"title": "Alpha"}
    cited = [passage.cite(name) for passage in split(first, SplitterSpec())]
    assert cited == [f"{name}!/notes/a.md:1-5"]
    assert split(second, SplitterSpec())[0].cite(name) == f"{name}!/b.txt:1-2"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("notes.txt.gz", gzip.compress(b"some words")),
        ("notes.txt.bz2", bz2.compress(b"some words")),
        ("notes.txt.xz", lzma.compress(b"some words")),
        ("notes.txt.lzma", lzma.compress(b"some words", lzma.FORMAT_ALONE)),
        ("NOTES.TXT.GZ", gzip.compress(b"some ") + gzip.compress(b"words")),
    ],
    ids=["gz", "bz2", "xz", "lzma", "two in one"],
)
def test_one_packed_file_is_that_file(name, data):
    assert texts(read(data, name)) == {name.rpartition(".")[0]: "some words"}


def test_a_gzip_header_names_the_file_where_its_own_name_does_not(tmp_path):
    path = tmp_path / "inner.md"
    with gzip.GzipFile(path, "wb") as file:
        file.write(b"# Title")
    assert texts(read(path.read_bytes(), "download")) == {"inner.md": "# Title"}
    assert texts(read(gzip.compress(b"plain"), "download")) == {"content": "plain"}


def test_pages_inside_an_archive():
    (document,) = read(zipped({"in/report.pdf": pdf("one", "two")}), "a.zip").documents
    cited = [passage.cite("a.zip") for passage in split(document, SplitterSpec())]
    assert cited == ["a.zip!/in/report.pdf, pages 1-2"]


def test_archives_in_archives():
    inner = tarred({"deep/c.md": "# Gamma"}, "w:gz")
    middle = zipped({"inner.tgz": inner, "b.txt": "b"})
    found = texts(read(zipped({"middle.zip": middle, "a.txt": "a"}), "outer.zip"))
    assert found == {
        "middle.zip!/inner.tgz!/deep/c.md": "# Gamma",
        "middle.zip!/b.txt": "b",
        "a.txt": "a",
    }


def test_archives_too_deep_in_archives():
    data = zipped({"a.txt": "deepest"})
    for level in range(3):
        data = zipped({f"{level}.zip": data, f"{level}.txt": f"level {level}"})
    loaded = read(data, "x.zip")
    assert texts(loaded) == {
        "2.txt": "level 2",
        "2.zip!/1.txt": "level 1",
        "2.zip!/1.zip!/0.txt": "level 0",
    }
    status, reason = problems(loaded)["2.zip!/1.zip!/0.zip"]
    assert status == "failed"
    assert "3 archives deep" in reason


def test_bad_members_stop_no_other():
    loaded = read(
        zipped({"no.bin": bytes(range(256)), "empty.txt": "", "bad.pdf": "%PDF-1.7", **FILES}),
        "x.zip",
    )
    assert texts(loaded) == FILES
    found = problems(loaded)
    assert found["no.bin"] == ("unsupported", "binary data of no known kind")
    assert found["empty.txt"] == ("empty", "the file is empty")
    assert found["bad.pdf"][0] == "failed"


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_hidden_files_and_what_systems_leave_behind(pack):
    junk = ["__MACOSX/._a.md", ".DS_Store", "a/.git/config", "Thumbs.db", "a/desktop.ini", "~$a.md"]
    loaded = read(pack([*((name, "junk") for name in junk), *FILES.items()]), "x")
    assert texts(loaded) == FILES
    assert loaded.problems == ()


SLIPS = ["../evil.txt", "a/../../evil.txt", "/etc/evil.txt", "C:\\evil.txt", "..\\evil.txt"]


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_no_path_leaves_the_archive(pack, tmp_path):
    before = sorted(os.listdir(tmp_path.parent)), os.path.exists("/etc/evil.txt")
    loaded = read(pack([*((name, "evil") for name in SLIPS), *FILES.items()]), "x")
    assert texts(loaded) == FILES
    found = problems(loaded)
    assert set(found) == set(SLIPS)
    assert all(status == "failed" for status, _ in found.values())
    assert all("leads out of the archive" in reason for _, reason in found.values())
    assert (sorted(os.listdir(tmp_path.parent)), os.path.exists("/etc/evil.txt")) == before


def test_paths_are_brought_to_one_form():
    loaded = read(zipped({"./a//b/../c.txt": "c", "d\\e.txt": "e"}), "x.zip")
    assert texts(loaded) == {"a/c.txt": "c", "d/e.txt": "e"}


def test_a_member_without_a_name():
    data = zipped({"x": "words", "b.txt": "b"}, zipfile.ZIP_STORED)
    data = data.replace(b"\x01\0\0\0xwords", b"\0\0\x01\0xwords")  # its name is extra data now
    directory = data.index(b"PK\1\2")
    data = data[: directory + 28] + b"\0\0\x01\0" + data[directory + 32 :]
    assert texts(read(data, "x.zip")) == {"(no name)": "words", "b.txt": "b"}


def test_links_and_devices_in_tar_archives():
    members = [
        *FILES.items(),
        ("", tar_info("soft", tarfile.SYMTYPE, "/etc/passwd")),
        ("", tar_info("hard", tarfile.LNKTYPE, "b.txt")),
        ("", tar_info("device", tarfile.CHRTYPE)),
        ("", tar_info("pipe", tarfile.FIFOTYPE)),
    ]
    loaded = read(tarred(members), "x.tar")
    assert texts(loaded) == FILES
    assert problems(loaded) == {
        "soft": ("unsupported", "a link to /etc/passwd, which is not followed"),
        "hard": ("unsupported", "a link to b.txt, which is not followed"),
        "device": ("unsupported", "not a regular file"),
        "pipe": ("unsupported", "not a regular file"),
    }


def test_links_in_zip_archives():
    link = zipfile.ZipInfo("link.txt")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    loaded = read(zipped([(link, "/etc/passwd"), *FILES.items()]), "x.zip")
    assert texts(loaded) == FILES
    assert problems(loaded) == {"link.txt": ("unsupported", "a link, which is not followed")}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_the_last_of_one_name_counts(pack):
    loaded = read(pack([("a.txt", "old"), ("b.txt", "b"), ("a.txt", "new")]), "x")
    assert texts(loaded) == {"a.txt": "new", "b.txt": "b"}
    assert problems(loaded)["a.txt"] == (
        "notice",
        "there are several of this name; the last one was read",
    )


def old_names(*names):
    """A ZIP archive whose names are bytes, without the flag that says UTF-8."""
    plain = [f"{number:0{len(name)}}" for number, name in enumerate(names)]
    data = zipped({name: f"text {number}" for number, name in enumerate(plain)}, zipfile.ZIP_STORED)
    for stand_in, name in zip(plain, names, strict=True):
        data = data.replace(stand_in.encode(), name)
    return data


@pytest.mark.parametrize(
    "name",
    [
        "Grüße aus München.txt".encode(),
        "résumé.txt".encode("cp437"),
        "議事録の資料について.txt".encode("cp932"),
        "Протокол совещания.txt".encode("cp866"),
    ],
)
def test_names_in_old_encodings(name):
    (path,) = texts(read(old_names(name), "x.zip"))
    known = ("Grüße aus München", "résumé", "議事録の資料について", "Протокол совещания")
    assert path.removesuffix(".txt") in known


def test_names_of_tar_archives_that_are_no_utf_8():
    data = tarred({"r\udce9sum\udce9.txt": "text"}, format=tarfile.GNU_FORMAT)
    ((path, text),) = texts(read(data, "x.tar")).items()
    assert text == "text"
    assert path.startswith("r")
    path.encode()  # it can be stored


def encrypted(content, password):
    """A ZIP archive with one member in the old encryption (APPNOTE.TXT 6.1)."""
    keys = [0x12345678, 0x23456789, 0x34567890]

    def update(byte):
        keys[0] = zlib.crc32(bytes([byte]), keys[0] ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = zlib.crc32(bytes([keys[1] >> 24]), keys[2] ^ 0xFFFFFFFF) ^ 0xFFFFFFFF

    for byte in password:
        update(byte)
    packed = bytearray()
    for byte in bytes(11) + bytes([zlib.crc32(content) >> 24]) + content:
        key = keys[2] | 2
        packed.append(byte ^ (key * (key ^ 1) >> 8 & 0xFF))
        update(byte)
    data = bytearray(zipped({"secret.txt": content}, zipfile.ZIP_STORED))
    start = data.find(content)
    data[start : start + len(content)] = packed
    directory, end = data.find(b"PK\1\2"), data.find(b"PK\5\6")
    for flags, size in ((6, 18), (directory + 8, directory + 20)):
        struct.pack_into("<H", data, flags, 1)
        struct.pack_into("<I", data, size, len(packed))
    struct.pack_into("<I", data, end + 16, directory)
    return bytes(data)


@pytest.mark.parametrize("passwords", [("open",), ("wrong", "worse", "open")])
def test_passwords_are_tried_on_protected_members(passwords):
    data = encrypted(b"the secret text", b"open")
    assert texts(read(data, "x.zip", passwords=passwords)) == {"secret.txt": "the secret text"}


@pytest.mark.parametrize(("passwords", "said"), [((), ""), (("wrong",), "none of the passwords")])
def test_a_protected_member_without_its_password(passwords, said):
    loaded = read(encrypted(b"the secret text", b"open"), "x.zip", passwords=passwords)
    status, reason = problems(loaded)["secret.txt"]
    assert status == "failed"
    assert "protected by a password" in reason
    assert said in reason
    assert "`passwords`" in reason


def test_members_in_strong_encryption():
    import pyzipper

    output = io.BytesIO()
    with pyzipper.AESZipFile(output, "w", encryption=pyzipper.WZ_AES) as archive:
        archive.setpassword("gehéim".encode())
        archive.writestr("secret.md", "# Secret\n\nwords")
    data = output.getvalue()
    assert texts(read(data, "x.zip", passwords=("no", "gehéim"))) == {
        "secret.md": "# Secret\n\nwords"
    }
    assert "password" in problems(read(data, "x.zip"))["secret.md"][1]


def test_an_empty_archive():
    with pytest.raises(EmptyDocumentError):
        load(zipped({}), "x.zip")
    with pytest.raises(EmptyDocumentError):
        load(zipped({".DS_Store": "x"}), "x.zip")


@pytest.mark.parametrize(
    ("data", "kind"), [(b"7z\xbc\xaf\x27\x1c\0\4", "7z"), (b"Rar!\x1a\x07\x01\0", "RAR")]
)
def test_archives_that_are_not_unpacked(data, kind):
    with pytest.raises(UnsupportedDocumentError, match=kind) as caught:
        load(data + bytes(100), "a.rar")
    assert "ZIP" in caught.value.hint


def test_a_folder_named_as_in_office_files():
    assert texts(read(zipped({"word/a.txt": "a", "xl/b.txt": "b"}), "x.zip")) == {
        "word/a.txt": "a",
        "xl/b.txt": "b",
    }


def test_zip64():
    output = io.BytesIO()
    with (
        zipfile.ZipFile(output, "w") as archive,
        archive.open("a.txt", "w", force_zip64=True) as member,
    ):
        member.write(b"large in spirit")
    assert texts(read(output.getvalue(), "x.zip")) == {"a.txt": "large in spirit"}


def test_members_may_be_left_out():
    loaded = read(zipped(FILES), "x.zip", skip={"b.txt": "it crashed"})
    assert set(texts(loaded)) == {"notes/a.md"}
    assert problems(loaded) == {"b.txt": ("failed", "it crashed")}


names = st.text(string.ascii_lowercase, min_size=1, max_size=8).map(lambda name: f"{name}.md")
contents = st.text(string.ascii_letters + " #\n.,é漢", min_size=1, max_size=600).filter(str.strip)


@settings(max_examples=30, deadline=None)
@given(files=st.dictionaries(names, contents, min_size=1, max_size=5))
@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz"])
def test_an_archive_gives_the_chunks_of_its_files(name, files):
    spec = SplitterSpec(32, 4)

    def chunks(documents, member=""):
        return [
            (p.member or member, p.text, p.line_start, p.line_end, p.heading, p.tokens)
            for document in documents
            for p in split(document, spec)
        ]

    expected = []
    for path, content in files.items():
        try:
            expected += chunks(load(content.encode(), path).documents, path)
        except DocumentError:
            assert not content.strip()
    assert chunks(load(PACKED[name](files), name).documents) == expected
