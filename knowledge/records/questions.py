"""Questions, their hits and answers, and how good they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from knowledge.records.nouns import hit_record
from knowledge.records.schema import of

if TYPE_CHECKING:
    from knowledge.answering.answer import Answer
    from knowledge.evaluation.evaluation import Comparison, Evaluation, Run
    from knowledge.model import Hit
    from knowledge.requests import AskRequest
    from knowledge.retrieval.facets import Facet
    from knowledge.retrieval.pages import ChunkPage
    from knowledge.retrieval.result import Retrieved

MEASURES = ("recall", "precision", "mrr", "ndcg")


def retrieved(
    found: Retrieved,
    seconds: float,
    *,
    explained: bool = False,
    marked: bool = False,
    facets: Sequence[str] = (),
) -> dict[str, Any]:
    """Return hits as ``knowledge.retrieve/1``.

    Parameters
    ----------
    explained:
        Add how each hit's score came about.
    marked:
        Add where each hit's text holds words of the question.
    facets:
        Names of metadata whose values are counted.
    """
    from knowledge.retrieval.search.explanation import marks

    query, flow = found.query, found.flow
    return of(
        "retrieve",
        {
            "query": query.text,
            "datasets": list(query.datasets),
            "mode": query.mode,
            "top_k": query.top_k,
            "flow": flow or None,
            "queries": list(found.queries),
            "hits": [
                {
                    **hit_record(hit),
                    **({"explanation": explanation(found, hit)} if explained else {}),
                    **({"marks": list(map(list, marks(query.text, hit)))} if marked else {}),
                }
                for hit in found
            ],
            **({"facets": list(map(_facet_record, found.facets(facets)))} if facets else {}),
            "took_ms": round(seconds * 1000),
        },
    )


def _facet_record(facet: Facet) -> dict[str, Any]:
    values = [{"value": value, "count": count} for value, count in facet.values]
    return {"name": facet.name, "values": values}


def gptscript(found: Retrieved, seconds: float) -> dict[str, Any]:
    """Return hits as ``gptscript-ai/knowledge`` 0.6 printed them, for tools that read that.

    Every value of ``metadata`` is a text there, and no hits are null.
    """
    documents = [
        {
            "id": hit.chunk.id,
            "content": hit.text,
            "metadata": {
                "absPath": hit.file,
                "filename": hit.name,
                **({} if hit.passage.page_start is None else {"page": str(hit.passage.page_start)}),
                **{name: str(value) for name, value in hit.metadata.items()},
            },
            "similarity_score": round(hit.score, 6),
        }
        for hit in found
    ]
    results = {
        "subquery": found.query.text,
        "numResultDocuments": len(documents),
        "resultDocuments": documents or None,
    }
    return {
        "originalQuery": found.query.text,
        "queriedDatasets": list(found.query.datasets),
        "subqueryResults": [results],
        "stats": {"retrievalTimeSeconds": round(seconds, 3)},
    }


def explanation(found: Retrieved, hit: Hit) -> list[str]:
    """Return how a hit's score came about, by whoever computed it."""
    told = found.explanations.get(hit.chunk.id)
    from knowledge.retrieval.search.explanation import explain

    return explain(found.query, hit, found.flow) if told is None else list(told)


def answer(answer: Answer, request: AskRequest, seconds: float) -> dict[str, Any]:
    """Return an answer in words as ``knowledge.ask/1``; the request is resolved."""
    cited = [(number, answer.hits[number - 1]) for number in answer.cited]
    return of(
        "ask",
        {
            "query": request.query,
            "datasets": list(request.dataset_names),
            "model": answer.model or None,
            "answer": answer.text,
            "citations": [
                {
                    "number": number,
                    "citation": hit.citation,
                    "dataset": hit.dataset,
                    "file": hit.file,
                    "chunk_id": hit.chunk.id,
                }
                for number, hit in cited
            ],
            "removed": list(answer.removed),
            "hits": [hit_record(hit) for hit in answer.hits],
            "took_ms": round(seconds * 1000),
        },
    )


_RANKING = ("rank", "score", "relevance", "cosine", "scores", "own_text", "merged", "also")


def chunk(hit: Hit) -> dict[str, Any]:
    """Return a chunk that nobody searched for as ``knowledge.chunk/1``."""
    return of("chunk", {"chunk": _unranked(hit)})


def chunks(page: ChunkPage) -> dict[str, Any]:
    """Return a page of a dataset's chunks as ``knowledge.chunks/1``."""
    return of(
        "chunks",
        {
            "dataset": page.dataset,
            "total": page.total,
            "offset": page.offset,
            "next_offset": page.next_offset,
            "chunks": list(map(_unranked, page.hits)),
        },
    )


def _unranked(hit: Hit) -> dict[str, Any]:
    return {name: value for name, value in hit_record(hit).items() if name not in _RANKING}


def evaluation(measured: Evaluation, queries: str) -> dict[str, Any]:
    """Return measures as ``knowledge.eval/1``."""
    return of(
        "eval",
        {
            "queries": queries,
            "questions": measured.questions,
            "left_out": measured.left_out,
            "k": list(measured.ks),
            "runs": [_run_record(run, measured.ks) for run in measured.runs],
            "comparisons": [_comparison_record(one) for one in measured.comparisons],
        },
    )


def _run_record(run: Run, ks: Sequence[int]) -> dict[str, Any]:
    return {
        "name": run.name,
        "dataset": run.dataset,
        "options": dict(run.options),
        "measures": [
            {"k": k, **{name: round(run.mean(name, k), 6) for name in MEASURES}} for k in ks
        ],
        "latency_ms": {
            "p50": round(run.milliseconds(50), 3),
            "p95": round(run.milliseconds(95), 3),
        },
        "missed": list(run.missed),
        "unmatched": list(run.unmatched),
    }


def _comparison_record(one: Comparison) -> dict[str, Any]:
    return {
        "run": one.run,
        "against": one.against,
        "measure": one.measure,
        "k": one.k,
        "difference": round(one.difference, 6),
        "p_value": round(one.p_value, 6),
        "significant": one.significant,
    }
