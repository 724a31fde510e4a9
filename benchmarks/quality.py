"""How well retrieval finds what people judged to be the answer, beside BM25 alone.

    pip install '.[bench]'
    python -m benchmarks.quality FOLDER... [--models static ...] [--output FILE.md]

Each FOLDER is a collection in BEIR's layout: ``corpus.jsonl``, ``queries.jsonl``,
``qrels/test.tsv``. Its documents are written to a folder of files, one each, which goes through
``ingest`` as a user's would; each query goes through ``retrieve``. A document's place is that of
its best chunk. BM25 alone is ``bm25s`` over whole documents (title and text) with English Snowball
stems and stop words, k1 1.5, b 0.75. Measures come from ``ir-measures``.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowledge import KnowledgeBase

MEASURES = ("nDCG@10", "R@10", "R@100", "RR")
MODES: Mapping[str, Mapping[str, Any]] = {
    "dense": {"mode": "dense"},
    "keyword": {"mode": "keyword"},
    "hybrid, rrf": {"mode": "hybrid", "fusion": "rrf"},
    "hybrid (default)": {"mode": "hybrid"},
}
DEPTH = 100
CHUNKS = 300
"""Chunks asked for, so that 100 documents are among them."""

Run = dict[str, dict[str, float]]
"""Query id to document id to score."""


@dataclass(frozen=True)
class Collection:
    """Documents, questions and judgments."""

    name: str
    documents: dict[str, tuple[str, str]]
    queries: dict[str, str]
    judgments: dict[str, dict[str, int]]

    @classmethod
    def read(cls, folder: Path) -> Collection:
        """Read a collection; questions without a judgment are left out."""
        judgments: dict[str, dict[str, int]] = {}
        with (folder / "qrels" / "test.tsv").open(encoding="utf-8") as lines:
            for row in csv.DictReader(lines, delimiter="\t"):
                judgments.setdefault(row["query-id"], {})[row["corpus-id"]] = int(row["score"])
        documents = {
            record["_id"]: (record.get("title", ""), record["text"])
            for record in _records(folder / "corpus.jsonl")
        }
        queries = {r["_id"]: r["text"] for r in _records(folder / "queries.jsonl")}
        asked = {id: text for id, text in queries.items() if id in judgments}
        return cls(folder.name, documents, asked, judgments)


def main() -> None:
    """Run the benchmark as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--models", nargs="+", default=["static"], metavar="PROVIDER[:MODEL]")
    parser.add_argument("--suffix", choices=[".txt", ".md"], default=".txt", help="of the files")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/quality.md"))
    options = parser.parse_args()
    lines = _header(options.suffix)
    for folder in options.folders:
        collection = Collection.read(folder)
        for row in measured(collection, options.models, options.suffix):
            lines.append(row)
            print(row, flush=True)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


def measured(collection: Collection, models: Iterable[str], suffix: str) -> Iterable[str]:
    """Yield a row of the table for BM25 alone, and for each model and mode."""
    yield _row(collection, "BM25 alone (bm25s)", bm25_run(collection), None)
    with tempfile.TemporaryDirectory() as scratch:
        documents = Path(scratch, "documents")
        write_documents(collection, documents, suffix)
        for number, model in enumerate(models):
            with KnowledgeBase.open(
                Path(scratch, f"data{number}"), embedding_model_provider=model
            ) as kb:
                kb.ingest(documents)
                for label, mode in MODES.items():
                    started = time.perf_counter()
                    run = pipeline_run(kb, collection, mode)
                    took = (time.perf_counter() - started) / max(1, len(run))
                    yield _row(collection, f"{model}: {label}", run, took)


def write_documents(collection: Collection, folder: Path, suffix: str) -> None:
    """Write each document as a file that is named by its number in the collection."""
    folder.mkdir(parents=True)
    for number, (title, text) in enumerate(collection.documents.values()):
        heading = f"# {title}" if suffix == ".md" and title else title
        content = f"{heading}\n\n{text}".strip()
        Path(folder, f"{number}{suffix}").write_text(content + "\n", encoding="utf-8")


def pipeline_run(kb: KnowledgeBase, collection: Collection, mode: Mapping[str, Any]) -> Run:
    """Ask every question; a document's score is that of its best chunk.

    Near duplicates are folded, as a user has it, and the documents folded into a hit stand right
    behind it: whoever reads the hit is told of them. With folding off the same documents would be
    found, but what is measured would not be what is shown.
    """
    names = list(collection.documents)
    run: Run = {}
    for id, text in collection.queries.items():
        scores: dict[str, float] = {}
        for hit in kb.retrieve(text, top_k=CHUNKS, **mode):
            for place, one in enumerate((hit, *hit.also)):
                score = CHUNKS - hit.rank - place / (1 + len(hit.also))  # above the next hit
                scores.setdefault(names[int(Path(one.name).stem)], score)
        run[id] = dict(list(scores.items())[:DEPTH])
    return run


def bm25_run(collection: Collection) -> Run:
    """Rank whole documents by BM25 alone."""
    import bm25s
    import Stemmer

    stemmer = Stemmer.Stemmer("english")
    names = list(collection.documents)
    texts = [" ".join(document) for document in collection.documents.values()]
    index = bm25s.BM25(k1=1.5, b=0.75)
    index.index(
        bm25s.tokenize(texts, stopwords="en", stemmer=stemmer, show_progress=False),
        show_progress=False,
    )
    asked = bm25s.tokenize(
        list(collection.queries.values()), stopwords="en", stemmer=stemmer, show_progress=False
    )
    found, scores = index.retrieve(asked, k=min(DEPTH, len(names)), show_progress=False)
    return {
        id: {names[document]: float(score) for document, score in zip(row, values, strict=True)}
        for id, row, values in zip(collection.queries, found, scores, strict=True)
    }


def _row(collection: Collection, label: str, run: Run, seconds: float | None) -> str:
    import ir_measures

    measures = [ir_measures.parse_measure(name) for name in MEASURES]
    values = ir_measures.calc_aggregate(measures, collection.judgments, run)
    took = "" if seconds is None else f"{seconds * 1000:.0f}"
    cells = [collection.name, label, *(f"{values[measure]:.3f}" for measure in measures), took]
    return f"| {' | '.join(cells)} |"


def _header(suffix: str) -> list[str]:
    return [
        "# Retrieval quality",
        "",
        f"`python -m benchmarks.quality`: each document a `{suffix}` file, ingested with the",
        "default settings; each question retrieved; a document stands where its best chunk does,",
        "one that was folded into a hit as its near duplicate right behind it.",
        "BM25 alone ranks whole documents. R is recall, RR the reciprocal rank of the first",
        "document that answers, ms the mean time of a question (for 300 hits).",
        "",
        f"| collection | ranked by | {' | '.join(MEASURES)} | ms |",
        f"|---|---|{'--:|' * (len(MEASURES) + 1)}",
    ]


def _records(path: Path) -> Iterable[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.strip())


if __name__ == "__main__":
    main()
