"""How well retrieval finds what people judged to be the answer, and what each part of it adds.

    pip install '.[bench,minilm]'
    python -m benchmarks.quality FOLDER... [--models static minilm] [--data DIR] [--output FILE.md]

Each FOLDER is a collection in BEIR's layout: ``corpus.jsonl``, ``queries.jsonl``,
``qrels/test.tsv``. Its documents are written to a folder of files, one each, which goes through
``ingest`` as a user's would; each query goes through ``retrieve``. A document's place is that of
its best chunk. BM25 alone is ``bm25s`` over whole documents (title and text) with English Snowball
stems and stop words, k1 1.5, b 0.75. Measures come from ``ir-measures``; two ways are compared by
the paired randomisation test of :mod:`knowledge.evaluation.measures`.

With two collections or more, each one's questions are also asked of the others, which tells how
well ``relevance`` says that nothing fits: :mod:`benchmarks.fitting`.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks import fitting
from knowledge import Hit, KnowledgeBase
from knowledge.evaluation.measures import p_value
from knowledge.retrieval.query import WEIGHT

MEASURES = ("nDCG@10", "R@10", "R@100", "RR")
DEPTH = 100
CHUNKS = 200
"""Chunks asked for, so that 100 documents are among them."""
MANY_CHUNKS = 600
"""Chunks asked for where they are ranked anew: the best hundred of each side are among them."""
SCALE_DEPTH = 100

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


@dataclass(frozen=True)
class Way:
    """A way to rank: what is asked of `retrieve`, and how its hits are ranked anew, if they are."""

    label: str
    options: Mapping[str, Any]
    ranked: Callable[[Sequence[Hit]], Sequence[Hit]] | None = None


def stretched(hits: Sequence[Hit]) -> list[Hit]:
    """Rank hits as before the cosines' span was fixed: each side stretched over its best hundred.

    A side's best chunk has 1 and its hundredth 0, however alike they are; ``-1`` is the least.
    """
    cosines = [hit.scores["dense"] for hit in hits]
    words = [hit.scores.get("keyword", 0.0) for hit in hits]
    sides = zip(_stretched(cosines), _stretched(words), strict=True)
    scores = [WEIGHT * dense + (1 - WEIGHT) * keyword for dense, keyword in sides]
    order = sorted(range(len(hits)), key=lambda at: (-scores[at], hits[at].chunk.id))
    return [hits[at] for at in order]


def _stretched(values: Sequence[float]) -> list[float]:
    best = sorted(values, reverse=True)[:SCALE_DEPTH]
    if not best or best[0] <= best[-1]:
        return [1.0 if best and value >= best[0] > 0 else 0.0 for value in values]
    return [max(-1.0, (value - best[-1]) / (best[0] - best[-1])) for value in values]


DEFAULT = "hybrid (default)"
BM25 = "BM25 alone (bm25s, whole documents)"
WAYS = (
    Way("dense alone", {"mode": "dense"}),
    Way("keyword alone", {"mode": "keyword"}),
    Way("hybrid, stretched scales (before)", {"mode": "hybrid", "top_k": MANY_CHUNKS}, stretched),
    Way("hybrid, without the file's words", {"mode": "hybrid", "file_weight": 0.0}),
    Way("hybrid, rrf", {"mode": "hybrid", "fusion": "rrf"}),
    Way(DEFAULT, {"mode": "hybrid"}),
)
RERANKED = Way("hybrid, --rerank minilm", {"mode": "hybrid", "rerank": "minilm"})
BASE = f"static: {DEFAULT}"
"""What all others are compared with."""


@dataclass
class Table:
    """The values of each question, by measure, by collection and way; kept in a file."""

    file: Path
    judged: dict[tuple[str, str], dict[str, list[float]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.file.exists():
            stored = json.loads(self.file.read_text(encoding="utf-8"))
            self.judged = {(name, label): values for name, label, values in stored}

    def add(self, collection: Collection, label: str, run: Callable[[], Run]) -> None:
        """Judge a run, unless the file had it."""
        import ir_measures

        if (collection.name, label) in self.judged:
            return

        measures = [ir_measures.parse_measure(name) for name in MEASURES]
        values = {name: dict.fromkeys(collection.queries, 0.0) for name in MEASURES}
        for one in ir_measures.iter_calc(measures, collection.judgments, run()):
            values[str(one.measure)][one.query_id] = one.value
        self.judged[collection.name, label] = {
            name: list(by_query.values()) for name, by_query in values.items()
        }
        stored = [[*key, values] for key, values in self.judged.items()]
        self.file.write_text(json.dumps(stored), encoding="utf-8")
        print(collection.name, label, f"{fmean(self._of(collection.name, label)):.4f}", flush=True)

    def _of(self, collection: str, label: str) -> list[float]:
        return self.judged[collection, label][MEASURES[0]]

    @property
    def collections(self) -> list[str]:
        """The collections, in their order."""
        return list(dict.fromkeys(name for name, _ in self.judged))

    def lines(self) -> list[str]:
        """Return the table of each collection."""
        found = [
            f"| collection | ranked by | {' | '.join(MEASURES)} | p |",
            f"|---|---|{'--:|' * (len(MEASURES) + 1)}",
        ]
        for (name, label), values in self.judged.items():
            cells = [f"{fmean(values[measure]):.3f}" for measure in MEASURES]
            chance = p_value(self._of(name, BASE), self._of(name, label))
            told = "" if label == BASE else f"{chance:.4f}"
            found.append(f"| {' | '.join([name, label, *cells, told])} |")
        return found

    def means(self) -> list[str]:
        """Return the mean nDCG@10 over the collections, each counting alike.

        A way that was not measured on all of them is left out.
        """
        found = [
            f"| ranked by | mean {MEASURES[0]} | difference | p |",
            "|---|--:|--:|--:|",
        ]
        base = self._weighed(BASE)
        for label in dict.fromkeys(label for _, label in self.judged):
            if any((name, label) not in self.judged for name in self.collections):
                continue
            own = self._weighed(label)
            told = ["", ""]
            if label != BASE:
                told = [f"{sum(own) - sum(base):+.4f}", f"{p_value(base, own):.4f}"]
            found.append(f"| {' | '.join([label, f'{sum(own):.4f}', *told])} |")
        return found

    def _weighed(self, label: str) -> list[float]:
        """Return each question's share of the mean."""
        return [
            value / len(self._of(name, label)) / len(self.collections)
            for name in self.collections
            for value in self._of(name, label)
        ]


def main() -> None:
    """Run the benchmark as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--models", nargs="+", default=["static"], metavar="PROVIDER[:MODEL]")
    parser.add_argument("--suffix", choices=[".txt", ".md"], default=".txt", help="of the files")
    parser.add_argument("--data", type=Path, help="keep datasets and figures, and use them again")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/quality.md"))
    options = parser.parse_args()
    collections = [Collection.read(folder) for folder in options.folders]
    with ExitStack() as stack:
        scratch = options.data or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        table = Table(scratch / "values.json")
        bases = {}
        for collection in collections:
            documents = scratch / collection.name / "documents"
            write_documents(collection, documents, options.suffix)
            for model in dict.fromkeys(["static", *options.models]):
                data = scratch / collection.name / model.replace(":", "-").replace("/", "-")
                kb = stack.enter_context(KnowledgeBase.open(data, embedding_model_provider=model))
                kb.ingest(documents)
                bases[collection.name, model] = kb
        for collection in collections:
            table.add(collection, BM25, partial(bm25_run, collection))
            for (name, model), kb in bases.items():
                if name == collection.name:
                    measured(table, collection, model, kb, rerank="minilm" in options.models)
        fitted = fitting.Fits.asked(
            {one.name: list(one.queries.values()) for one in collections},
            {name: kb for (name, model), kb in bases.items() if model == "static"},
        )
    lines = [*_header(options.suffix), "", *table.means(), "", *table.lines()]
    options.output.parent.mkdir(parents=True, exist_ok=True)
    if len(collections) > 1:
        picture = options.output.with_name(f"{options.output.stem}-relevance.png")
        fitted.plot(picture)
        lines += ["", *fitted.lines(picture.name)]
    options.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


def measured(
    table: Table, collection: Collection, model: str, kb: KnowledgeBase, *, rerank: bool
) -> None:
    """Judge each way with one model; with a larger one, those that it changes."""
    ways = [*WAYS, *([RERANKED] if rerank else [])] if model == "static" else [WAYS[0], WAYS[-1]]
    for way in ways:
        run = partial(pipeline_run, kb, collection, way.options, way.ranked)
        table.add(collection, f"{model}: {way.label}", run)


def write_documents(collection: Collection, folder: Path, suffix: str) -> None:
    """Write each document as a file that is named by its number in the collection."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (title, text) in enumerate(collection.documents.values()):
        heading = f"# {title}" if suffix == ".md" and title else title
        content = f"{heading}\n\n{text}".strip()
        file = Path(folder, f"{number}{suffix}")
        if not file.exists():  # a file that was not touched is not read again
            file.write_text(content + "\n", encoding="utf-8")


def pipeline_run(
    kb: KnowledgeBase,
    collection: Collection,
    options: Mapping[str, Any],
    ranked: Callable[[Sequence[Hit]], Sequence[Hit]] | None = None,
) -> Run:
    """Ask every question; a document's score is that of its best chunk.

    Near duplicates are folded, as a user has it, and the documents folded into a hit stand right
    behind it: whoever reads the hit is told of them. With folding off the same documents would be
    found, but what is measured would not be what is shown.
    """
    names = list(collection.documents)
    run: Run = {}
    for id, text in collection.queries.items():
        scores: dict[str, float] = {}
        hits = kb.retrieve(text, **{"top_k": CHUNKS, **options})
        every = [one for hit in hits for one in (hit, *hit.also)]
        for place, one in enumerate(ranked(every) if ranked else every):
            scores.setdefault(names[int(Path(one.name).stem)], float(-place))
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


def _header(suffix: str) -> list[str]:
    return [
        "# Retrieval quality",
        "",
        f"`python -m benchmarks.quality`: each document a `{suffix}` file, ingested with the",
        "default settings; each question retrieved; a document stands where its best chunk does,",
        "one that was folded into a hit as its near duplicate right behind it.",
        "BM25 alone ranks whole documents. R is recall, RR the reciprocal rank of the first",
        "document that answers. p is how likely chance alone makes such a difference in nDCG@10",
        f"from `{BASE}` (paired randomisation test, two-sided, least value",
        "0.00005). Each collection counts alike in the mean.",
    ]


def _records(path: Path) -> Iterable[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.strip())


if __name__ == "__main__":
    main()
