"""Which chunk size and overlap find the spans that answer a question.

    python -m benchmarks.chunking FOLDER [--sizes 200 400] [--budgets 1600 3200] [--output FILE.md]

FOLDER holds ``corpora/NAME.md`` and ``questions.jsonl`` with lines ``{"question", "corpus_id",
"references": [{"start_index", "end_index"}]}``: character spans of the answers. Chunks are made by
the program's own splitter, embedded with the bundled model, and taken best first until the budget
of characters is full, so that settings are compared at equal retrieved characters. Recall is the
share of the answers' characters that were retrieved, precision the share of retrieved characters
that are answers, IoU both sets' intersection over their union; each averaged over the questions.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from knowledge.documents.loading import load
from knowledge.documents.splitting import split
from knowledge.embeddings.registry import create_embedder
from knowledge.model import Passage, SplitterSpec
from knowledge.settings import Settings

Span = tuple[int, int]


def main() -> None:
    """Run the benchmark as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[128, 200, 256, 300, 400, 512, 640, 800]
    )
    parser.add_argument("--overlaps", type=float, nargs="+", default=[0, 0.1, 0.15, 0.25])
    parser.add_argument("--budgets", type=int, nargs="+", default=[1600, 3200, 6400])
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    questions = [
        json.loads(line)
        for line in (options.folder / "questions.jsonl").read_text("utf-8").splitlines()
    ]
    lines = [_header(options.budgets)]
    for size in options.sizes:
        for share in options.overlaps:
            spec = SplitterSpec(size, round(size * share))
            for headings in (True, False):
                lines.append(measure(options.folder, questions, spec, options.budgets, headings))
                print(lines[-1], flush=True)
    if options.output:
        options.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _header(budgets: Sequence[int]) -> str:
    columns = ["size", "overlap", "headings", "chunks", "mean tokens"]
    columns += [
        f"{name} @{budget}" for budget in budgets for name in ("recall", "precision", "IoU")
    ]
    text = f"| {' | '.join(columns)} |\n|{' ---: |' * len(columns)}"
    print(text)
    return text


def measure(
    folder: Path,
    questions: Sequence[dict[str, Any]],
    spec: SplitterSpec,
    budgets: Sequence[int],
    headings: bool,
) -> str:
    """Return a table row for one setting."""
    embedder = create_embedder("static", settings=Settings.read(environ={}))
    corpora: dict[str, tuple[list[Passage], Any]] = {}
    for path in sorted((folder / "corpora").glob("*.md")):
        passages = split(load(path.read_bytes(), path.name).documents[0], spec)
        texts = [item.embedding_text if headings else item.text for item in passages]
        corpora[path.stem] = (passages, embedder.embed_documents(texts).vectors)
    scores = []
    for question in questions:
        passages, vectors = corpora[question["corpus_id"]]
        cosines = vectors @ embedder.embed_query(question["question"]).vectors[0]
        ranked = [passages[index] for index in np.argsort(-cosines, kind="stable")]
        gold = [(item["start_index"], item["end_index"]) for item in question["references"]]
        scores.append([value for budget in budgets for value in score(ranked, gold, budget)])
    means = np.mean(scores, axis=0)
    everything = [item for passages, _ in corpora.values() for item in passages]
    tokens = np.mean([item.tokens for item in everything])
    cells = [spec.chunk_size, spec.chunk_overlap, "yes" if headings else "no", len(everything)]
    return (
        "| " + " | ".join(map(str, [*cells, f"{tokens:.0f}", *(f"{m:.3f}" for m in means)])) + " |"
    )


def score(ranked: Sequence[Passage], gold: Sequence[Span], budget: int) -> tuple[float, ...]:
    """Return recall, precision and IoU of the best passages, cut off at ``budget`` characters."""
    wanted = _characters(gold)
    found: set[int] = set()
    for passage in ranked:
        new = [c for c in range(passage.char_start, passage.char_end) if c not in found]
        found.update(new[: budget - len(found)])
        if len(found) >= budget:
            break
    both = len(wanted & found)
    return both / len(wanted), both / len(found), both / len(wanted | found)


def _characters(spans: Sequence[Span]) -> set[int]:
    return {character for start, end in spans for character in range(start, end)}


if __name__ == "__main__":
    main()
