"""``knowledge load``: what a loader gives, without a dataset."""

from __future__ import annotations

import json
import os
import zipfile

import pytest

from tests.conftest import write_files
from tests.documents.makers import docx, pdf
from tests.ingestion.sources.web_server import Answer, WebServer


@pytest.fixture
def note(tmp_path):
    write_files(tmp_path, {"note.md": "# Gate\n\nThe gate code is 4711.\n"})
    return tmp_path / "note.md"


@pytest.fixture
def report(tmp_path):
    path = tmp_path / "report.pdf"
    path.write_bytes(pdf("Page one is on keys.", "Page two is on locks.", title="Report"))
    return path


def structured(run, *arguments, **options):
    outcome = run("load", *arguments, **options)
    assert outcome.code == 0, outcome.err
    return json.loads(outcome.out)


def test_a_whole_document(run, note, data_dir):
    content = structured(run, note, "-")
    assert content["metadata"]["source"] == str(note)
    (document,) = content["documents"]
    assert document == {"metadata": {}, "content": "# Gate\n\nThe gate code is 4711.\n"}
    assert not data_dir.exists()


def test_a_document_for_each_page(run, report):
    content = structured(run, report, "-", "--metadata", "team=keys", "--metadata", "n=2")
    assert content["metadata"]["title"] == "Report"
    assert content["metadata"]["team"] == "keys"
    assert content["metadata"]["n"] == 2
    assert [one["metadata"] for one in content["documents"]] == [{"page": 1}, {"page": 2}]
    assert "keys" in content["documents"][0]["content"]
    assert "keys" not in content["documents"][1]["content"]


def test_a_document_for_each_member(run, tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("a.md", "Alpha.")
        archive.writestr("deep/b.txt", "Beta.")
    content = structured(run, tmp_path / "all.zip", "-")
    assert {d["metadata"]["member"]: d["content"].strip() for d in content["documents"]} == {
        "a.md": "Alpha.",
        "deep/b.txt": "Beta.",
    }


def test_a_sheet_names_itself(run, tmp_path):
    from openpyxl import Workbook

    book = Workbook()
    book.active.title = "Sales"
    book.active.append(["Town", "Sum"])
    book.active.append(["Oslo", 7])
    book.create_sheet("Costs").append(["Rent", 9])
    book.save(tmp_path / "book.xlsx")
    documents = structured(run, tmp_path / "book.xlsx", "-")["documents"]
    names = [(one["metadata"]["sheet"], one["metadata"]["sheet_name"]) for one in documents]
    assert names == [(1, "Sales"), (2, "Costs")]
    assert "Oslo" in documents[0]["content"]


def test_nothing_is_lost_between_pages(run, report):
    pages = [one["content"] for one in structured(run, report, "-")["documents"]]
    text = run("load", report, "-", "--format", "text").out
    assert text == "\n\n".join(pages) + "\n"


def test_text_names_what_stands_above_a_part(run, tmp_path):
    def fill(document):
        document.sections[0].header.paragraphs[0].text = "Company paper"
        document.add_paragraph("Rotate the keys.")

    (tmp_path / "a.docx").write_bytes(docx(fill))
    text = run("load", tmp_path / "a.docx", "-", "--format", "text").out
    assert text == "Rotate the keys.\n\nHeaders and footers\n\nCompany paper\n"


def test_markdown_carries_metadata_before_each_part(run, report):
    first, second = run("load", report, "-", "--format", "markdown").out.split("\n---docbreak---\n")
    for number, part in enumerate((first, second), 1):
        head, _, text = part.partition("\n")
        metadata = json.loads(head.removeprefix("!metadata "))
        assert metadata["page"] == number
        assert metadata["source"] == str(report)
        assert text.startswith("Page")


def test_to_a_file(run, note, tmp_path):
    outcome = run("load", note, tmp_path / "out.json")
    assert (outcome.code, outcome.out) == (0, "")
    assert json.loads((tmp_path / "out.json").read_text())["documents"]
    run("load", note, tmp_path / "out.txt", "--format", "text")
    assert (tmp_path / "out.txt").read_text() == "# Gate\n\nThe gate code is 4711.\n"
    assert run("load", note, tmp_path).code == 2


def test_the_structured_form_can_be_ingested(run, report, tmp_path):
    out = tmp_path / "out" / "report.json"
    out.parent.mkdir()
    assert run("load", report, out, "--metadata", "team=keys").code == 0
    assert run("ingest", out).code == 0
    (hit, *_) = run("retrieve", "locks", "--where", "team=keys", "--json").json["hits"]
    assert "locks" in hit["text"]
    assert "{" not in hit["text"]
    assert hit["metadata"]["title"] == "Report"
    assert hit["metadata"]["page"] == 2


def test_json_output(run, note, tmp_path):
    content = run("load", note, tmp_path / "out.txt", "--format", "text", "--json").json
    assert content["output"] == str(tmp_path / "out.txt")
    assert content["source"] == str(note)
    assert content["documents"][0]["content"].startswith("# Gate")
    assert run("load", note, "--json").json["output"] is None


def test_standard_input(run):
    content = structured(run, "-", "-", stdin="Just text.")
    assert content["metadata"]["source"] == "stdin"
    assert content["documents"][0]["content"] == "Just text."
    page = "<html><body><h1>Gate</h1><p>It closes at eight in the evening.</p></body></html>"
    text = run("load", "-", "-", "--name", "a.html", "--format", "text", stdin=page).out
    assert "<p>" not in text
    assert "eight" in text
    assert run("load", "x.md", "-", "--name", "a.html").code == 2


def test_a_page(run):
    web = WebServer()
    try:
        web.pages["/a"] = Answer(b"Just text.", headers={"Content-Type": "text/plain"})
        url = f"{web.url}/a"
        assert structured(run, url, "-", "--allow-private-hosts")["metadata"]["source"] == url
        assert run("load", url, "-").code == 1
        assert run("load", f"{web.url}/nowhere", "-", "--allow-private-hosts").code == 3
    finally:
        web.close()
    assert run("load", "https://github.com/o/r", "-").code == 2


@pytest.mark.parametrize(
    ("name", "content", "exit_code", "code"),
    [
        ("a.bin", bytes(range(256)) * 9, 1, "document-unsupported"),
        ("a.md", b"", 1, "document-empty"),
        ("a.pdf", b"%PDF-1.7 broken", 1, "document-failed"),
    ],
)
def test_what_can_not_be_read(run, tmp_path, name, content, exit_code, code):
    write_files(tmp_path, {name: content})
    outcome = run("load", tmp_path / name, "-", "--json")
    assert outcome.code == exit_code
    assert outcome.json["error"]["code"] == code
    assert name in outcome.json["error"]["message"]


def test_what_is_not_there(run, tmp_path):
    assert run("load", tmp_path / "nowhere.md", "-").code == 3
    assert run("load", tmp_path, "-").code == 2


def test_a_member_that_fails(run, tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.md", "Alpha.")
        archive.writestr("b.pdf", "%PDF-1.7 broken")
    outcome = run("load", tmp_path / "all.zip", "-")
    assert outcome.code == 4
    assert "Alpha." in outcome.out
    assert "all.zip!/b.pdf" in outcome.err


@pytest.mark.slow
def test_a_password(run, tmp_path):
    path = tmp_path / "locked.pdf"
    path.write_bytes(pdf("The vault is on floor three.", encrypt="hello"))
    assert run("load", path, "-").code == 1
    outcome = run("load", path, "-", "--password", "no", "--password", "hello", "--format", "text")
    assert "floor three" in outcome.out
    assert run("ingest", path, "--password", "hello").code == 0
    assert run("askdir", "vault", "-p", tmp_path, "--password", "hello", "--json").json["hits"]


def test_the_engine_and_the_part_of_a_page_are_chosen(run, report, tmp_path):
    page = "<html><body><nav>Home Shop Basket</nav><article><h1>Gate</h1><p>" + (
        "The gate closes at eight in the evening on all days. " * 9
    )
    write_files(tmp_path, {"a.html": page + "</p></article></body></html>"})
    assert "Basket" not in run("load", tmp_path / "a.html", "-", "--format", "text").out
    full = run("load", tmp_path / "a.html", "-", "--format", "text", "--html", "full").out
    assert "Basket" in full
    assert "keys" in run("load", report, "-", "--loader", "pdf=pypdf").out
    assert run("load", report, "-", "--loader", "pdf=nobody").code == 2
    assert run("load", report, "-", "--format", "odd").code == 2
    assert run("ingest", tmp_path, "--loader", "pdf=nobody").code == 2
    assert run("ingest", tmp_path, "--html", "odd").code == 2
    assert run("ingest", tmp_path, "--ocr", "odd").code == 2
    assert run("list-datasets", "--json").json["datasets"] == []


@pytest.mark.skipif(os.name == "nt", reason="the console there takes other encodings")
def test_text_that_the_output_can_not_carry(run_process, tmp_path):
    write_files(tmp_path, {"a.txt": "価格 is the price."})
    outcome = run_process(
        "load", tmp_path / "a.txt", "-", "--format", "text", env={"PYTHONIOENCODING": "ascii"}
    )
    assert outcome.code == 0
    assert "is the price" in outcome.out
