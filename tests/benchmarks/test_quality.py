"""What the quality benchmark scores."""

from benchmarks.quality import Collection, pipeline_run, write_documents
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
