"""Loaders, splitters and transformers of a flow, as they show in what is stored."""

from __future__ import annotations

import json

import pytest
import yaml

from knowledge.errors import FlowsFileError
from knowledge.model import FileStatus
from tests.conftest import write_files
from tests.documents import makers


def flow(*entries, **more):
    content = {"default": True, "ingestion": list(entries), **more}
    return yaml.safe_dump({"flows": {"a": content}})


def entry(*filetypes, loader=None, splitter=None, transformers=None):
    made = {"filetypes": list(filetypes) or ["*"]}
    if loader:
        made["documentLoader"] = loader
    if splitter:
        made["textSplitter"] = splitter
    if transformers is not None:
        made["transformers"] = transformers
    return made


def step(name, **options):
    return {"name": name, "options": options}


@pytest.fixture
def stored(kb, flows_file, tmp_path):
    """Ingest one file by a flow; return it with its chunks."""

    def ingest(name, content, text, **settings):
        write_files(tmp_path / "docs", {name: content})
        base = kb(flows_file=flows_file(text), **settings)
        report = base.ingest(tmp_path / "docs" / name)
        assert report.files[FileStatus.INGESTED] == 1, report.problems
        return base.files.get(str(tmp_path / "docs" / name))

    return ingest


@pytest.fixture
def failure(kb, flows_file, tmp_path):
    """Ingest one file by a flow that does not fit it; return why it failed."""

    def ingest(name, content, text):
        write_files(tmp_path / "docs", {name: content})
        report = kb(flows_file=flows_file(text)).ingest(tmp_path / "docs" / name)
        assert report.files[FileStatus.FAILED] == 1
        return report.problems[0].reason

    return ingest


def texts(chunks):
    return [chunk.passage.text for chunk in chunks]


# Loaders


def test_plaintext_takes_a_page_as_it_is(stored):
    html = "<html><body><p>A paragraph.</p></body></html>"
    _, chunks = stored("a.html", html, flow(entry(".html", loader={"name": "plaintext"})))
    assert texts(chunks) == [html]
    assert chunks[0].passage.line_start == 1


def test_html_and_markdown_by_name(stored):
    page = "<html><body><h1>Top</h1><p>A paragraph.</p></body></html>"
    _, chunks = stored("a.txt", page, flow(entry(".txt", loader={"name": "html"})))
    assert texts(chunks) == ["# Top\n\nA paragraph."]
    _, chunks = stored("b.txt", "# Top\n\nText.", flow(entry(loader={"name": "markdown"})))
    assert chunks[0].passage.heading == ("Top",)


PAGES = ("First page here.", "Second page here.", "Third page here.")
PDF = makers.pdf(*PAGES)


@pytest.mark.parametrize("loader", ["mupdf", "pdf", "gopdf"])
def test_pages_of_a_pdf(stored, loader):
    chosen = step(loader, StartPage=2, MaxPages=1, Source="the archive")
    file, chunks = stored("a.pdf", PDF, flow(entry("application/pdf", loader=chosen)))
    assert [text.strip() for text in texts(chunks)] == ["Second page here."]
    assert (chunks[0].passage.page_start, file.metadata["source"]) == (2, "the archive")


def test_a_pdf_without_the_page(kb, flows_file, tmp_path):
    write_files(tmp_path / "docs", {"a.pdf": PDF})
    text = flow(entry(loader=step("pdf", StartPage=9)))
    report = kb(flows_file=flows_file(text)).ingest(tmp_path / "docs")
    assert report.files[FileStatus.EMPTY] == 1
    assert "no page 9" in report.problems[0].reason


def test_a_password(kb, flows_file, tmp_path, monkeypatch):
    monkeypatch.setenv("PDF_PASSWORD", "opensesame")
    write_files(tmp_path / "docs", {"a.pdf": makers.pdf(*PAGES, encrypt="opensesame")})
    text = flow(entry(".pdf", loader=step("pdf", Password="${PDF_PASSWORD}")))
    base = kb(flows_file=flows_file(text))
    assert base.ingest(tmp_path / "docs").files[FileStatus.INGESTED] == 1
    assert "opensesame" not in repr(base.files.list())


def test_a_loader_that_does_not_read_the_file(failure):
    text = flow(entry(loader={"name": "document"}))
    assert "the loader 'document' of the flow does not read" in failure("a.txt", "text", text)
    text = flow(entry(loader={"name": "structured"}))
    assert "not the structured form" in failure("b.json", '{"a": 1}', text)


def test_document_reads_rtf(stored):
    rtf = r"{\rtf1\ansi The notice period is six weeks.\par}"
    _, chunks = stored("a.rtf", rtf, flow(entry(".rtf", loader={"name": "document"})))
    assert "six weeks" in chunks[0].passage.text


def test_structured_gives_each_document_its_metadata(stored):
    content = {
        "metadata": {"source": "wiki", "year": 2020},
        "documents": [
            {"metadata": {"page": "one"}, "content": "The first document."},
            {"metadata": {"page": "two", "year": 2024}, "content": "The second document."},
        ],
    }
    text = flow(entry(".json", loader={"name": "structured"}))
    file, chunks = stored("a.json", json.dumps(content), text)
    assert texts(chunks) == ["The first document.", "The second document."]
    assert file.metadata == {"source": "wiki", "year": 2020}
    assert [chunk.passage.metadata["page"] for chunk in chunks] == ["one", "two"]


@pytest.mark.parametrize("separator", ["|", 124])
def test_csv(stored, separator):
    rows = "name|town|note\nAda|Paris|x\nBob|Rome|y\n"
    loader = step("csv", Separator=separator, Columns=["town", "name"])
    _, chunks = stored("a.csv", rows, flow(entry("text/csv", loader=loader)))
    assert texts(chunks) == ["town,name\nParis,Ada\nRome,Bob"]
    assert chunks[0].passage.line_end == 3


def test_csv_without_the_column(failure):
    text = flow(entry(loader=step("csv", Columns=["zip"])))
    assert "no column 'zip'" in failure("a.csv", "name,town\nAda,Paris\n", text)


NOTEBOOK = json.dumps(
    {
        "nbformat": 4,
        "metadata": {},
        "cells": [
            {"cell_type": "markdown", "source": "Some words."},
            {
                "cell_type": "code",
                "source": "1 / 0",
                "outputs": [
                    {"output_type": "stream", "text": "a long line of output"},
                    {
                        "output_type": "error",
                        "ename": "ZeroDivisionError",
                        "evalue": "division by zero",
                        "traceback": ["Traceback: line 7"],
                    },
                ],
            },
        ],
    }
)


@pytest.mark.parametrize(
    ("options", "there", "not_there"),
    [
        ({}, ["Some words.", "1 / 0"], ["long line", "ZeroDivision"]),
        ({"IncludeOutputs": True}, ["a long lin…", "ZeroDivisi…"], ["a long line", "Traceback"]),
        (
            {"IncludeOutputs": True, "Traceback": True, "MaxOutputLength": 0},
            ["a long line of output", "Traceback: line 7"],
            ["…"],
        ),
    ],
)
def test_notebook(stored, options, there, not_there):
    _, chunks = stored("a.ipynb", NOTEBOOK, flow(entry(loader=step("notebook", **options))))
    text = "\n".join(texts(chunks))
    assert all(part in text for part in there)
    assert not any(part in text for part in not_there)


# Splitters

PROSE = " ".join(f"Sentence number {n} says something of its own." for n in range(60))


def test_each_type_has_its_own_splitter(kb, flows_file, tmp_path):
    write_files(tmp_path / "docs", {"a.txt": PROSE, "b.md": PROSE})
    text = flow(
        entry(".txt", splitter=step("text", chunkSize=50, chunkOverlap=0)),
        entry("*"),
        globals={"ingestion": {"textsplitter": {"chunkSize": 120, "chunkOverlap": 10}}},
    )
    base = kb(flows_file=flows_file(text))
    base.ingest(tmp_path / "docs")
    most = {}
    for file in base.files.list():
        _, chunks = base.files.get(file.id)
        most[file.name] = max(chunk.passage.tokens for chunk in chunks)
    assert 40 < most["a.txt"] <= 50 < 100 < most["b.md"] <= 120
    splitter = base.datasets.get("default").splitter
    assert (splitter.chunk_size, splitter.chunk_overlap) == (120, 10)


def test_the_first_entry_that_fits_wins(stored):
    text = flow(
        entry(".md", splitter=step("text", chunkSize=30, chunkOverlap=0)),
        entry("text/markdown", "*", splitter=step("text", chunkSize=300, chunkOverlap=0)),
    )
    _, chunks = stored("a.md", PROSE, text)
    assert max(chunk.passage.tokens for chunk in chunks) <= 30


def test_markdown_and_text_splitter(stored):
    content = "# Title\n\nWords below it.\n"
    _, as_text = stored("a.md", content, flow(entry(splitter={"name": "text"})))
    _, as_markdown = stored("b.txt", content, flow(entry(splitter={"name": "markdown"})))
    assert as_text[0].passage.heading == ()
    assert as_markdown[0].passage.heading == ("Title",)


def test_tokens_of_another_model(stored):
    words = "これは日本語の文章です。" * 40
    counts = {}
    for name in ("cl100k_base", "o200k_base"):
        splitter = step("text", chunkSize=40, chunkOverlap=0, encodingName=name)
        _, chunks = stored(f"{name}.txt", words, flow(entry(splitter=splitter)))
        counts[name] = len(chunks)
    assert counts["o200k_base"] < counts["cl100k_base"]
    splitter = step("text", chunkSize=40, chunkOverlap=0, modelName="gpt-4o")
    _, chunks = stored("model.txt", words, flow(entry(splitter=splitter)))
    assert len(chunks) == counts["o200k_base"]


def test_flags_win_over_the_flow(stored):
    text = flow(entry(splitter=step("text", chunkSize=300, chunkOverlap=50)))
    _, chunks = stored("a.txt", PROSE, text, chunk_size=40)
    assert max(chunk.passage.tokens for chunk in chunks) <= 40


def test_an_overlap_alone_must_fit(kb, flows_file, corpus):
    text = flow(entry(splitter=step("text", chunkOverlap=300)))
    with pytest.raises(FlowsFileError, match="overlap of 300 tokens in chunks of 256"):
        kb(flows_file=flows_file(text)).ingest(corpus)


# Transformers


def test_metadata_of_a_flow(stored):
    text = flow(
        entry(
            transformers=[
                step("extra_metadata", metadata={"team": "docs", "title": "Other"}),
                step(
                    "metadata",
                    manipulations=[
                        {"operator": "add", "key": "level", "value": 3},
                        {"operator": "upsert", "key": "level", "value": 4},
                        {"operator": "remove", "key": "author"},
                    ],
                ),
            ]
        )
    )
    file, _ = stored("a.md", "---\nauthor: Ada\ntitle: Own\n---\n# Own\n\nText.\n", text)
    assert file.metadata == {"team": "docs", "title": "Other", "level": 4}


def test_add_does_not_replace(failure):
    change = {"operator": "add", "key": "title", "value": "x"}
    text = flow(entry(transformers=[step("metadata", manipulations=[change])]))
    assert "adds the metadata 'title'" in failure("a.md", "# Own\n\nText.\n", text)


def test_metadata_of_flags_wins(kb, flows_file, tmp_path):
    write_files(tmp_path / "docs", {"a.txt": "Text."})
    text = flow(entry(transformers=[step("extra_metadata", metadata={"team": "flow"})]))
    base = kb(flows_file=flows_file(text))
    base.ingest(tmp_path / "docs", metadata={"team": "flag"})
    assert base.files.list()[0].all_metadata["team"] == "flag"


def test_passages_of_nothing_but_headings(stored):
    content = "# One\n\nWords of one.\n\n# Two\n\n## Three\n"
    text = flow(
        entry(
            splitter=step("markdown", chunkSize=8, chunkOverlap=0),
            transformers=[{"name": "filter_markdown_docs_no_content"}],
        )
    )
    _, chunks = stored("a.md", content, text)
    assert texts(chunks) == ["# One\n\nWords of one."]
    assert [chunk.passage.ordinal for chunk in chunks] == [0]


# What changes mean


def test_an_unchanged_flow_reads_nothing_again(kb, flows_file, corpus):
    path = flows_file(flow(entry(splitter=step("text", chunkSize=64, chunkOverlap=0))))
    kb(flows_file=path).ingest(corpus)
    report = kb(flows_file=path).ingest(corpus)
    assert report.files[FileStatus.UNCHANGED] == 5
    path.write_text("# a comment\n" + path.read_text())
    assert kb(flows_file=path).ingest(corpus).files[FileStatus.UNCHANGED] == 5


def test_another_flow_cuts_files_anew(kb, flows_file, tmp_path):
    write_files(tmp_path / "docs", {"a.txt": PROSE, "b.txt": "short"})
    kb(flows_file=flows_file(flow(entry(".txt")))).ingest(tmp_path / "docs")
    path = flows_file(flow(entry(splitter=step("text", chunkSize=40, chunkOverlap=0))))
    report = kb(flows_file=path).ingest(tmp_path / "docs")
    assert report.files[FileStatus.INGESTED] == 2
    assert (report.chunks_reused, report.chunks_added > 10) == (1, True)
    report = kb().ingest(tmp_path / "docs")  # as the dataset recorded it at its first ingest
    assert report.files[FileStatus.INGESTED] == 2
    assert kb().ingest(tmp_path / "docs").files[FileStatus.UNCHANGED] == 2


def test_flows_share_nothing(kb, flows_file, tmp_path):
    write_files(tmp_path / "docs", {"a.txt": "Text."})
    text = yaml.safe_dump(
        {
            "flows": {
                name: {
                    "ingestion": [entry(transformers=[step("extra_metadata", metadata={name: 1})])]
                }
                for name in ("a", "b")
            },
            "datasets": {"one": "a", "two": "b"},
        }
    )
    base = kb(flows_file=flows_file(text))
    base.ingest(tmp_path / "docs", "one")
    base.ingest(tmp_path / "docs", "two")
    assert base.files.list("one")[0].metadata == {"a": 1}
    assert base.files.list("two")[0].metadata == {"b": 1}


def test_what_no_entry_takes_is_read_in_the_usual_way(stored):
    text = flow(entry(".pdf"), globals={"ingestion": {"textsplitter": {"chunkSize": 40}}})
    _, chunks = stored("a.txt", PROSE, text)
    assert 20 < max(chunk.passage.tokens for chunk in chunks) <= 40


def test_an_archive_is_unpacked_whatever_the_loader(stored):
    import io
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("in/a.md", "# Title\n\nWords.\n")
    _, chunks = stored("a.zip", buffer.getvalue(), flow(entry(loader={"name": "plaintext"})))
    assert chunks[0].passage.member == "in/a.md"
