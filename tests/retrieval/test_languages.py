"""Hybrid search in languages that the bundled model knows little of: words must not lose by it.

``testdata/languages`` has the same sixteen passages, each with a question, in six languages.
"""

from __future__ import annotations

import json
from statistics import fmean

import pytest

from knowledge import KnowledgeBase
from knowledge.evaluation.measures import ndcg
from tests.conftest import ROOT, write_files

FILES = sorted((ROOT / "testdata" / "languages").glob("*.jsonl"))
LOSS = 0.005


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> dict[str, dict[str, float]]:
    """The mean nDCG@10 of each mode, by language."""
    home = tmp_path_factory.mktemp("languages")
    found: dict[str, dict[str, float]] = {}
    with KnowledgeBase.open(home / "data") as kb:
        for file in FILES:
            rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
            folder = home / file.stem
            write_files(folder, {f"{at:02}.txt": row["text"] for at, row in enumerate(rows)})
            kb.ingest(folder, file.stem)
            for mode in ("keyword", "hybrid"):
                values = []
                for at, row in enumerate(rows):
                    hits = kb.retrieve(row["question"], file.stem, mode=mode, top_k=10)
                    gains = [int(hit.name == f"{at:02}.txt") for hit in hits]
                    values.append(ndcg(gains, [1], 10))
                found.setdefault(file.stem, {})[mode] = fmean(values)
    return found


def test_all_are_there(measured):
    assert sorted(measured) == ["ar", "de", "el", "es", "hi", "zh"]


@pytest.mark.parametrize("language", [file.stem for file in FILES])
def test_hybrid_is_not_worse_than_words_alone(measured, language):
    found = measured[language]
    assert found["hybrid"] >= found["keyword"] - LOSS, measured
    assert found["hybrid"] > 0.7, measured
