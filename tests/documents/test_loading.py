import subprocess
import sys

import pytest

from knowledge.documents import loading
from knowledge.errors import DocumentError, EmptyDocumentError, UnsupportedDocumentError
from knowledge.model import TextKind
from tests.documents.makers import OLE, PNG, archive, load_one, pdf


@pytest.mark.parametrize(
    ("name", "kind", "loader"),
    [
        ("a.txt", TextKind.TEXT, "text"),
        ("a.json", TextKind.CODE, "json"),
        ("a.jsonl", TextKind.RECORDS, "json"),
        ("a.xml", TextKind.CODE, "xml"),
        ("a.py", TextKind.CODE, "code"),
        ("Makefile", TextKind.CODE, "code"),
        ("a.rst", TextKind.RST, "rst"),
        ("a.adoc", TextKind.ASCIIDOC, "asciidoc"),
        ("a.org", TextKind.ORG, "org"),
        ("a.tex", TextKind.LATEX, "latex"),
        ("a.csv", TextKind.ROWS, "rows"),
        ("a.md", TextKind.MARKDOWN, "markdown"),
    ],
)
def test_text_stays_as_it_is_and_has_lines(name, kind, loader):
    document = load_one(b"\xef\xbb\xbfone\r\n\r\ntwo  \r\n", name)
    assert document.text == "one\n\ntwo  \n"
    assert (document.kind, document.loader, document.has_lines) == (kind, loader, True)
    assert document.pages == ()


@pytest.mark.parametrize("name", ["a.txt", "a.pdf", "a.docx", "a.png", "a"])
def test_nothing_at_all(name):
    with pytest.raises(EmptyDocumentError, match="the file is empty"):
        load_one(b"", name)


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.csv", "a.html"])
def test_nothing_but_white_space(name):
    with pytest.raises(EmptyDocumentError, match="holds no text"):
        load_one(b" \n\t\r\n", name)


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.docx", PNG, "PNG image"),
        ("a.jar", archive("META-INF/MANIFEST.MF"), "Java archive"),
        ("a.vsd", OLE, "Office 97-2003 document"),
        ("a.bin", bytes(range(256)), "binary data of no known kind"),
    ],
)
def test_files_that_no_loader_knows(name, data, kind):
    with pytest.raises(UnsupportedDocumentError, match=kind):
        load_one(data, name)


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.py", "a.csv", "a.json", "a.html", "a.ipynb"])
def test_binary_data_under_a_text_s_name_fails(name):
    with pytest.raises(DocumentError, match="binary data, not text") as caught:
        load_one(PNG, name)
    assert not isinstance(caught.value, UnsupportedDocumentError)


def test_a_limit_on_text():
    assert load_one(b"x" * 1000, "a.txt", max_text=1000).text
    with pytest.raises(DocumentError, match="3 MiB of text") as caught:
        load_one(b"x" * (3 << 20), "a.txt", max_text=2 << 20)
    assert "KNOW_MAX_TEXT_SIZE" in caught.value.hint


def test_the_limit_is_on_text_not_on_the_file():
    data = pdf("a line of text")
    assert load_one(data, "a.pdf", max_text=len(data) // 2).text
    with pytest.raises(DocumentError, match="of text"):
        load_one(data, "a.pdf", max_text=5)


class Panic(BaseException):
    pass


Panic.__name__ = "PanicException"


@pytest.mark.parametrize("error", [ValueError("odd bytes"), RecursionError("too deep")])
def test_whatever_a_loader_raises_is_the_document_s_fault(error, monkeypatch):
    broken(monkeypatch, error)
    with pytest.raises(DocumentError, match=str(error)):
        load_one(b"text", "a.txt")


def test_a_native_crash_is_the_document_s_fault(monkeypatch):
    broken(monkeypatch, Panic("index out of bounds"))
    with pytest.raises(DocumentError, match="reading it crashed: index out of bounds"):
        load_one(b"text", "a.txt")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), MemoryError()])
def test_what_is_not_the_document_s_fault_passes(error, monkeypatch):
    broken(monkeypatch, error)
    with pytest.raises(type(error)):
        load_one(b"text", "a.txt")


def broken(monkeypatch, error):
    class Module:
        @staticmethod
        def load(source):
            raise error

    monkeypatch.setattr(loading, "import_module", lambda name: Module)


def test_text_needs_no_engine():
    script = (
        "import sys; from knowledge.documents.loading import load; "
        "load(b'# text', 'a.md'); "
        "heavy = {'kreuzberg', 'pypdf', 'docx', 'chardet', 'numpy', 'yaml', "
        "'semantic_text_splitter', 'tiktoken'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (result.stdout.strip(), result.stderr) == ("[]", "")


POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)


@pytest.mark.parametrize(
    "name", ["notes.md", "data.csv", "a.pdf", "b.docx", "c.json", "d.py", "e.txt", "f.png", "g.bin"]
)
def test_a_pointer_of_git_lfs_is_told_and_not_taken_for_text(name):
    with pytest.raises(UnsupportedDocumentError, match="Git LFS") as caught:
        loading.load(POINTER, name)
    assert "git lfs pull" in caught.value.hint


def test_a_text_about_pointers_is_a_text():
    about = b"A pointer begins so:\n\n" + POINTER
    assert loading.load(about, "a.txt").documents[0].text.startswith("A pointer")
    assert loading.load(POINTER + b"and so on\n" * 200, "a.txt").documents
