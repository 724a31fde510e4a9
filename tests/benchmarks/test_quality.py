"""What the quality benchmark scores."""

import json
import sys
from types import SimpleNamespace

import pytest

from benchmarks import quality
from benchmarks.fitting import roc_auc
from benchmarks.quality import Collection, pipeline_run, stretched, write_documents
from knowledge import KnowledgeBase


def test_documents_folded_into_a_hit_follow_it(tmp_path):
    documents = {
        "first": ("", "The signing key is rotated every ninety days."),
        "twin": ("", "The signing key is rotated every ninety days."),
        "other": ("", "The canteen serves lunch, and signing in is not needed."),
    }
    collection = Collection("small", documents, {"q": "signing key rotated"}, {"q": {"twin": 1}})
    write_documents(collection, tmp_path / "documents", ".txt")
    with KnowledgeBase.open(tmp_path / "data", embedding_model_provider="static") as kb:
        kb.ingest(tmp_path / "documents")
        assert len(kb.retrieve("signing key rotated")) == 2
        scores = pipeline_run(kb, collection, {})["q"]
    ranked = sorted(scores, key=scores.__getitem__, reverse=True)
    assert set(ranked[:2]) == {"first", "twin"}
    assert ranked[2] == "other"
    assert len(set(scores.values())) == 3


def hit(id, dense, keyword):
    return SimpleNamespace(
        chunk=SimpleNamespace(id=id), scores={"dense": dense, "keyword": keyword}
    )


def test_the_older_form_stretches_each_side_over_its_best_hundred():
    flat = [hit("a", 0.501, 8.0), hit("b", 0.502, 7.0), hit("c", 0.5, 0.0)]
    assert [one.chunk.id for one in stretched(flat)] == ["b", "a", "c"]  # .35 beats .65 / 8
    assert stretched([]) == []


def test_the_area_under_the_curve():
    assert roc_auc([0.9, 0.8], [0.1, 0.2]) == 1
    assert roc_auc([0.1], [0.9]) == 0
    assert roc_auc([0.5, 0.5], [0.5]) == 0.5
    assert roc_auc([0.9, 0.3], [0.5, 0.1]) == 0.75


@pytest.mark.slow
def test_the_page_is_written(tmp_path, monkeypatch):
    pytest.importorskip("bm25s")
    pytest.importorskip("ir_measures")
    pytest.importorskip("matplotlib")
    texts = {"keys": "the signing key is rotated", "food": "the canteen serves soup at noon"}
    for name, text in texts.items():
        folder = tmp_path / name
        (folder / "qrels").mkdir(parents=True)
        documents = [{"_id": "1", "text": text}, {"_id": "2", "text": "nothing of the kind"}]
        lines = "\n".join(map(json.dumps, documents))
        (folder / "corpus.jsonl").write_text(lines, encoding="utf-8")
        (folder / "queries.jsonl").write_text(
            json.dumps({"_id": "q", "text": text.split()[-1]}), encoding="utf-8"
        )
        (folder / "qrels" / "test.tsv").write_text(
            "query-id\tcorpus-id\tscore\nq\t1\t1\n", encoding="utf-8"
        )
    page = tmp_path / "quality.md"
    folders = [str(tmp_path / name) for name in texts]
    monkeypatch.setattr(sys, "argv", ["quality", *folders, "--output", str(page)])
    quality.main()
    text = page.read_text(encoding="utf-8")
    assert "| static: hybrid (default) | 1.0000 |" in text
    assert "is 1.000" in text
    assert page.with_name("quality-relevance.png").stat().st_size > 1_000
