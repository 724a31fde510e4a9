"""The sample documents answer their questions, offline."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT, environment

QUESTIONS = [
    json.loads(line)
    for line in (ROOT / "testdata/questions.jsonl").read_text(encoding="utf-8").splitlines()
]


@pytest.fixture(scope="module")
def library(tmp_path_factory, documents):
    """A data folder that holds the sample documents."""
    folder = tmp_path_factory.mktemp("library")
    done = subprocess.run(
        [sys.executable, "-m", "knowledge", "ingest", str(documents), "--json"],
        env=environment(
            {"KNOW_DATA_DIR": str(folder), "OPENAI_API_KEY": None, "OPENAI_BASE_URL": None}
        ),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["files"]["ingested"] == len([p for p in documents.rglob("*") if p.is_file()])
    assert report["problems"] == []
    return folder


@pytest.fixture(scope="module")
def answers():
    """The first ten hits of each question that was asked."""
    return {}


@pytest.fixture
def ask(run, library, answers):
    def hits(question, top_k=3):
        if question not in answers:
            outcome = run("retrieve", question, "-k", "10", "--data-dir", library, "--json")
            answers[question] = outcome.json["hits"]
        return answers[question][:top_k]

    return hits


@pytest.mark.parametrize("asked", QUESTIONS, ids=lambda asked: asked["question"][:60])
def test_a_question_finds_its_file(ask, documents, asked):
    expected = str(documents.parent / asked["file"])
    hits = ask(asked["question"])
    assert expected in [hit["file"] for hit in hits]
    if "page" in asked:
        pages = [(hit["page_start"], hit["page_end"]) for hit in hits if hit["file"] == expected]
        assert any(first <= asked["page"] <= last for first, last in pages)


def test_passages_that_hold_the_answer_are_found(ask):
    """Not only the file, but the passage: for nearly all questions among the first ten."""
    missed = [
        asked["question"]
        for asked in QUESTIONS
        if not any(flat(asked["answer"]) in flat(hit["text"]) for hit in ask(asked["question"], 10))
    ]
    assert len(missed) <= len(QUESTIONS) // 20, missed


def test_hits_say_where_they_stand(ask):
    kinds = set()
    for asked in QUESTIONS:
        for hit in ask(asked["question"], 5):
            suffix = hit["name"].rpartition(".")[2]
            kinds.add(suffix)
            if suffix == "pdf":
                check_pages(hit)
            elif suffix in ("md", "txt", "rst", "py"):
                check_lines(hit)
            elif suffix == "ipynb":
                assert hit["page_unit"] == "cell"
                assert 1 <= hit["page_start"] <= hit["page_end"]
            else:
                assert hit["page_start"] is None
    assert {"pdf", "md", "txt", "rst", "py", "html", "docx", "csv", "json", "ipynb"} <= kinds


def check_pages(hit):
    assert 1 <= hit["page_start"] <= hit["page_end"] <= 6
    assert hit["line_start"] is None


def check_lines(hit):
    with open(hit["file"], encoding="utf-8") as file:
        lines = file.read().splitlines()
    assert 1 <= hit["line_start"] <= hit["line_end"] <= len(lines)
    cited = lines[hit["line_start"] - 1 : hit["line_end"]]
    assert flat(hit["text"]) in flat("\n".join(cited))
    assert hit["text"].strip().splitlines()[0].strip() in cited[0]
    assert hit["text"].strip().splitlines()[-1].strip() in cited[-1]


def flat(text):
    return " ".join(text.split())


def test_pages_hold_what_is_cited(ask, documents):
    pypdf = pytest.importorskip("pypdf")
    reader = pypdf.PdfReader(documents / "safety-data.pdf")
    pages = [flat(page.extract_text()) for page in reader.pages]
    for asked in QUESTIONS:
        if "page" in asked:
            holding = [n for n, page in enumerate(pages, 1) if flat(asked["answer"]) in page]
            assert asked["page"] in holding
            for hit in ask(asked["question"], 10):
                if hit["name"] == "safety-data.pdf" and flat(asked["answer"]) in flat(hit["text"]):
                    assert any(hit["page_start"] <= n <= hit["page_end"] for n in holding)


def test_headings_are_those_of_the_document(ask):
    (hit,) = ask("How do I rotate the signing key?", 1)
    assert "Signing keys" in hit["heading"]


def test_nothing_is_new_when_the_sample_documents_are_ingested_again(run, library, documents):
    report = run("ingest", documents, "--prune", "--data-dir", library, "--json").json
    assert report["embedded"] == 0
    assert report["chunks"]["added"] == report["chunks"]["removed"] == 0
