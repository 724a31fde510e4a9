"""A question's answer depends on the documents alone: not on how they came in, or were carried."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from knowledge import KnowledgeBase
from knowledge.records.nouns import hit_record
from tests.conftest import ROOT, write_files
from tests.retrieval.test_properties import WORDS, texts

QUESTIONS = 100


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample documents, and made-up ones, of which some are equal."""
    folder = tmp_path_factory.mktemp("answers") / "docs"
    shutil.copytree(ROOT / "testdata" / "documents", folder)
    write_files(folder / "made", texts())
    return folder


@pytest.fixture(scope="module")
def asked() -> list[str]:
    """The sample documents' questions, and made-up ones."""
    lines = (ROOT / "testdata" / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    real = [json.loads(line)["question"] for line in lines]
    choice = random.Random(3)
    made = [" ".join(choice.choices(WORDS, k=choice.randint(1, 6))) for _ in range(QUESTIONS)]
    return [*real, *made][:QUESTIONS]


def answers(kb: KnowledgeBase, questions: list[str], **options: object) -> list[list[dict]]:
    """Return all that is printed of each question's hits."""
    return [[hit_record(hit) for hit in kb.retrieve(q, **options)] for q in questions]


@pytest.fixture(scope="module")
def first(documents: Path, tmp_path_factory) -> Iterator[KnowledgeBase]:
    with KnowledgeBase.open(tmp_path_factory.mktemp("first") / "data") as kb:
        kb.ingest(documents)
        yield kb


@pytest.fixture(scope="module")
def expected(first: KnowledgeBase, asked: list[str]) -> list[list[dict]]:
    found = answers(first, asked)
    assert sum(map(bool, found)) > 90
    return found


@pytest.mark.slow
def test_they_are_the_same_after_export_and_import(first, asked, expected, tmp_path):
    first.sharing.export("default", tmp_path / "a.zip")
    with KnowledgeBase.open(tmp_path / "data") as kb:
        kb.sharing.import_archive(tmp_path / "a.zip")
        assert answers(kb, asked) == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"embedding_threads": 1, "concurrency": 1, "embedding_batch_size": 1},
        {"embedding_threads": 7, "concurrency": 3, "embedding_batch_size": 5},
    ],
    ids=["one-thread", "many-threads"],
)
def test_they_are_the_same_in_another_order(documents, asked, expected, tmp_path, options):
    files = sorted((path for path in documents.rglob("*") if path.is_file()), reverse=True)
    random.Random(1).shuffle(files)
    with KnowledgeBase.open(tmp_path / "data", **options) as kb:
        for start in range(0, len(files), 40):
            kb.ingest(files[start : start + 40])
        assert answers(kb, asked) == expected


@pytest.mark.slow
def test_they_are_the_same_when_files_have_come_gone_and_changed(
    documents, asked, expected, tmp_path
):
    with KnowledgeBase.open(tmp_path / "data") as kb:
        extra = documents / "extra"
        write_files(extra, {f"{number}.md": f"# Key {number}\n\nlock gate" for number in range(30)})
        handbook = documents / "product-handbook.md"
        written = handbook.read_bytes()
        try:
            handbook.write_bytes(written[: len(written) // 2])
            kb.ingest(documents)
        finally:
            handbook.write_bytes(written)
            shutil.rmtree(extra)
        kb.ingest(documents, prune=True)
        assert answers(kb, asked) == expected
        assert answers(kb, asked[:20], top_k=3) == [found[:3] for found in expected[:20]]
