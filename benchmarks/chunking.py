"""Which splitter, chunk size and overlap find the spans that answer a question.

    python -m benchmarks.chunking FOLDER [--sizes 200 400] [--budgets 1600 3200] [--output FILE.md]

FOLDER holds ``corpora/NAME.md`` and ``questions.jsonl`` with lines ``{"question", "corpus_id",
"references": [{"start_index", "end_index"}]}``: character spans of the answers, each question asked
of its own text. Or it holds ``questions.jsonl`` with lines ``{"question", "file", "answer"}`` as
``testdata`` does: the answer's places in the file's text are the spans, and each question is asked
of all files.

Chunks are embedded with the bundled model, and taken best first until the budget of characters is
full, so that settings are compared at equal retrieved characters. Recall is the share of the
answers' characters that were retrieved, precision the share of retrieved characters that are
answers, IoU both sets' intersection over their union; each averaged over the questions. After the
table stands which settings differ from the default by more than chance: paired randomisation test,
adjusted for the number of settings (Holm).

Splitters: ``ours``; ``plain`` is ``semantic-text-splitter`` alone, chunks filled one after the
other; ``windows`` are fixed numbers of tokens, cut between words, as simple tools do. Of ours two
things are also measured without: the heading path in the embedded text (where there are headings),
and passages that run over page breaks (with ``--page`` characters to a page).
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from knowledge.documents.loading import load
from knowledge.documents.splitting.splitting import split
from knowledge.embeddings.registry import create_embedder
from knowledge.evaluation.measures import LEVEL, holm, p_value
from knowledge.model import Document, Passage, SplitterSpec, TextKind
from knowledge.settings.reading import Settings
from knowledge.text.tokens import TOKENIZER_MODEL, TokenCounter

MEASURES = ("recall", "precision", "IoU")
SPLITTERS = ("ours", "plain", "windows")

Place = tuple[str, int]
"""(text, character)."""


@dataclass(frozen=True)
class Variant:
    """One way to make chunks."""

    splitter: str
    size: int
    overlap: int
    headings: bool = True
    page: int = 0
    """Characters after which a new page begins that no chunk runs over; 0 is no such page."""

    @property
    def cells(self) -> list[str]:
        notes = [] if self.headings else ["no heading path"]
        notes += ["pages apart"] if self.page else []
        return [", ".join([self.splitter, *notes]), str(self.size), str(self.overlap)]


@dataclass(frozen=True)
class Asked:
    """A question, the texts that it is asked of, and the characters that answer it."""

    question: str
    texts: frozenset[str]
    gold: frozenset[Place]


def main() -> None:
    """Run the benchmark as the command line says."""
    options = _options()
    documents, questions = read(options.folder)
    default = Variant("ours", SplitterSpec().chunk_size, SplitterSpec().chunk_overlap)
    lines: list[str] = []
    say(lines, *header(options.budgets))
    scores: dict[Variant, np.ndarray[Any, Any]] = {}
    for variant in variants(options, default):
        chunks = make_chunks(documents, variant)
        if not variant.headings and not any(passage.heading for _, passage in chunks):
            continue  # it would be the default once more
        scores[variant] = measure(chunks, questions, options.budgets, variant.headings)
        say(lines, row(variant, chunks, scores[variant]))
    say(lines, "", *differences(scores, default, options.budgets))
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--splitters", nargs="+", choices=SPLITTERS, default=SPLITTERS)
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 200, 256, 320, 400, 512, 800])
    parser.add_argument("--overlaps", type=float, nargs="+", default=[0, 0.15, 0.25])
    parser.add_argument("--budgets", type=int, nargs="+", default=[1600, 3200, 6400])
    parser.add_argument("--page", type=int, default=1800, help="characters to a page")
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


def say(lines: list[str], *more: str) -> None:
    """Print lines and keep them."""
    lines += more
    print("\n".join(more), flush=True)


def read(folder: Path) -> tuple[dict[str, Document], list[Asked]]:
    """Read the texts and the questions of a folder."""
    records = [
        json.loads(line) for line in (folder / "questions.jsonl").read_text("utf-8").splitlines()
    ]
    if "corpus_id" in records[0]:
        documents = {path.stem: _document(path) for path in sorted(folder.glob("corpora/*.md"))}
        return documents, [_with_spans(record) for record in records]
    documents = {name: _document(folder / name) for name in {r["file"] for r in records}}
    asked = [_with_answer(record, documents) for record in records]
    return documents, [one for one in asked if one.gold]


def _document(path: Path) -> Document:
    return load(path.read_bytes(), path.name).documents[0]


def _with_spans(record: dict[str, Any]) -> Asked:
    name = record["corpus_id"]
    spans = [(item["start_index"], item["end_index"]) for item in record["references"]]
    gold = frozenset((name, at) for start, end in spans for at in range(start, end))
    return Asked(record["question"], frozenset([name]), gold)


def _with_answer(record: dict[str, Any], documents: dict[str, Document]) -> Asked:
    name = record["file"]
    pattern = r"\s+".join(map(re.escape, record["answer"].split()))
    found = re.finditer(pattern, documents[name].text)
    gold = frozenset((name, at) for match in found for at in range(*match.span()))
    return Asked(record["question"], frozenset(documents), gold)


def variants(options: argparse.Namespace, default: Variant) -> Iterator[Variant]:
    """Yield the default, ours with one thing taken away, and all combinations."""
    yield default
    yield replace(default, headings=False)
    yield replace(default, page=options.page)
    for splitter in options.splitters:
        for size in options.sizes:
            for share in options.overlaps:
                variant = Variant(splitter, size, round(size * share))
                if variant != default:
                    yield variant


def make_chunks(documents: dict[str, Document], variant: Variant) -> list[tuple[str, Passage]]:
    """Cut all texts; each chunk comes with the name of its text."""
    chunks = []
    for name, document in documents.items():
        for start, part in _pages(document, variant.page):
            chunks += [
                (name, replace(p, char_start=start + p.char_start, char_end=start + p.char_end))
                for p in _passages(part, variant)
            ]
    return chunks


def _pages(document: Document, size: int) -> Iterator[tuple[int, Document]]:
    """Yield the parts of a document between page breaks, which fall between two words."""
    start, text = 0, document.text
    while size and len(text) - start > size:
        end = max(text.rfind(" ", start, start + size), text.rfind("\n", start, start + size))
        end = end + 1 if end > start else start + size
        yield start, replace(document, text=text[start:end], pages=())
        start = end
    yield start, replace(document, text=text[start:], pages=()) if start else document


def _passages(document: Document, variant: Variant) -> Iterable[Passage]:
    if variant.splitter == "ours":
        return split(document, SplitterSpec(variant.size, variant.overlap))
    cut = _plain if variant.splitter == "plain" else _windows
    spans = cut(document, variant.size, variant.overlap)
    count = counter().count
    return [
        Passage(number, document.text[a:b], a, b, tokens=count(document.text[a:b]))
        for number, (a, b) in enumerate(spans)
    ]


def _plain(document: Document, size: int, overlap: int) -> Iterator[tuple[int, int]]:
    from semantic_text_splitter import MarkdownSplitter, TextSplitter

    kind = MarkdownSplitter if document.kind is TextKind.MARKDOWN else TextSplitter
    splitter = kind.from_tiktoken_model(TOKENIZER_MODEL, size, overlap)
    for start, text in splitter.chunk_indices(document.text):
        yield start, start + len(text)


def _windows(document: Document, size: int, overlap: int) -> Iterator[tuple[int, int]]:
    words = [match.span() for match in re.finditer(r"\s*\S+", document.text)]
    tokens = [counter().count(document.text[a:b]) for a, b in words]
    first = 0
    while first < len(words):
        end = _reach(tokens, first, 1, size)
        yield words[first][0], words[end - 1][1]
        if end == len(words):
            return
        first = max(first + 1, _reach(tokens, end - 1, -1, overlap) + 1 if overlap else end)


def _reach(tokens: Sequence[int], start: int, step: int, most: int) -> int:
    """Return the first word from ``start`` on that no longer fits into ``most`` tokens."""
    at, held = start, 0
    while 0 <= at < len(tokens) and (held + tokens[at] <= most or at == start):
        held += tokens[at]
        at += step
    return at


def measure(
    chunks: Sequence[tuple[str, Passage]],
    questions: Sequence[Asked],
    budgets: Sequence[int],
    headings: bool,
) -> np.ndarray[Any, Any]:
    """Return recall, precision and IoU for each question and budget, as (questions, 3 budgets)."""
    texts = [p.embedding_text if headings else p.text for _, p in chunks]
    vectors = embedder().embed_documents(texts).vectors
    names = np.array([name for name, _ in chunks])
    found = []
    for asked in questions:
        cosines = vectors @ embedder().embed_query(asked.question).vectors[0]
        order = np.argsort(-cosines, kind="stable")
        ranked = [chunks[at] for at in order if names[at] in asked.texts]
        found.append([value for budget in budgets for value in score(ranked, asked.gold, budget)])
    return np.array(found)


def score(
    ranked: Sequence[tuple[str, Passage]], gold: frozenset[Place], budget: int
) -> tuple[float, ...]:
    """Return recall, precision and IoU of the best passages, cut off at ``budget`` characters."""
    found: set[Place] = set()
    for name, passage in ranked:
        places = ((name, at) for at in range(passage.char_start, passage.char_end))
        new = [place for place in places if place not in found]
        found.update(new[: budget - len(found)])
        if len(found) >= budget:
            break
    both = len(gold & found)
    return both / len(gold), both / len(found), both / len(gold | found)


def header(budgets: Sequence[int]) -> list[str]:
    """Return the first two lines of the table."""
    columns = ["splitter", "size", "overlap", "chunks", "mean tokens"]
    columns += [f"{name} @{budget}" for budget in budgets for name in MEASURES]
    return [f"| {' | '.join(columns)} |", f"|---|{'--:|' * (len(columns) - 1)}"]


def row(
    variant: Variant, chunks: Sequence[tuple[str, Passage]], scores: np.ndarray[Any, Any]
) -> str:
    """Return a line of the table."""
    tokens = np.mean([passage.tokens for _, passage in chunks])
    means = [f"{mean:.3f}" for mean in scores.mean(axis=0)]
    return f"| {' | '.join([*variant.cells, str(len(chunks)), f'{tokens:.0f}', *means])} |"


def differences(
    scores: dict[Variant, np.ndarray[Any, Any]], default: Variant, budgets: Sequence[int]
) -> list[str]:
    """Return how the default stands among all, and beside itself with one thing taken away."""
    lines = []
    names = [f"{name} @{budget}" for budget in budgets for name in MEASURES]
    for column, name in enumerate(names):
        own = scores[default][:, column]
        others = [variant for variant in scores if variant != default]
        gaps = [float(own.mean() - scores[one][:, column].mean()) for one in others]
        p = [p_value(scores[one][:, column].tolist(), own.tolist()) for one in others]
        sure = [value < LEVEL for value in holm(p)]
        lines.append(
            f"- {name}: the default is number {1 + sum(gap < 0 for gap in gaps)} of {len(scores)};"
            f" {sum(s and gap < 0 for s, gap in zip(sure, gaps, strict=True))} are better"
            f" and {sum(s and gap > 0 for s, gap in zip(sure, gaps, strict=True))} worse"
            " by more than chance"
        )
        lines += [
            f"  - {one.cells[0]}: {-gap:+.3f}, p = {value:.3f}"
            for one, gap, value in zip(others, gaps, p, strict=True)
            if one.page or not one.headings
        ]
    return lines


@cache
def counter() -> TokenCounter:
    """Return the counter of tokens."""
    return TokenCounter()


@cache
def embedder() -> Any:
    """Return the bundled model."""
    return create_embedder("static", settings=Settings.read(environ={}))


if __name__ == "__main__":
    main()
