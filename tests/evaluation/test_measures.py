"""The measures and the test of significance, held against others' programs and counts by hand."""

from __future__ import annotations

import itertools
import random

import pytest

from knowledge.evaluation.measures import MEASURES, holm, p_value

NAMES = {"recall": "R", "precision": "P", "mrr": "RR", "ndcg": "nDCG"}


@pytest.mark.slow
@pytest.mark.parametrize("k", [1, 5, 10])
def test_they_are_those_of_trec_eval(k):
    ir_measures = pytest.importorskip("ir_measures")
    dice = random.Random(k)
    for _ in range(40):
        judged = {f"d{n}": dice.choice([0, 0, 1, 2, 3]) for n in range(15)}
        judged["d0"] = 1
        found = dice.sample([f"d{n}" for n in range(40)], 12)
        run = {"q": {name: float(-place) for place, name in enumerate(found)}}
        gains = [judged.get(name, 0) for name in found]
        ideal = sorted((grade for grade in judged.values() if grade > 0), reverse=True)
        for name, other in NAMES.items():
            measure = ir_measures.parse_measure(f"{other}@{k}")
            (theirs,) = ir_measures.iter_calc([measure], {"q": judged}, run)
            assert MEASURES[name](gains, ideal, k) == pytest.approx(theirs.value), (name, k)


def test_few_questions_are_counted_exactly():
    first, second = [0.1, 0.5, 0.3, 0.2, 0.9], [0.4, 0.4, 0.8, 0.9, 0.9]
    differences = [b - a for a, b in zip(first, second, strict=True)]
    ways = [
        abs(sum(sign * d for sign, d in zip(signs, differences, strict=True)))
        for signs in itertools.product((1, -1), repeat=5)
    ]
    expected = sum(way >= abs(sum(differences)) - 1e-9 for way in ways) / len(ways)
    assert p_value(first, second) == pytest.approx(expected)
    assert p_value(second, first) == pytest.approx(expected)


def test_equal_runs_do_not_differ():
    assert p_value([0.5] * 30, [0.5] * 30) == 1


def test_many_questions_are_sampled_with_a_seed():
    dice = random.Random(4)
    first = [dice.random() for _ in range(60)]
    better = [value + 0.1 + dice.gauss(0, 0.1) for value in first]
    alike = [value + dice.gauss(0, 0.1) for value in first]
    assert p_value(first, better) < 0.001
    assert p_value(first, alike) > 0.05
    assert p_value(first, alike, seed=3) == p_value(first, alike, seed=3)


@pytest.mark.slow
def test_a_sample_is_near_what_the_t_test_says():
    """As the literature finds."""
    stats = pytest.importorskip("scipy.stats")
    dice = random.Random(4)
    first = [dice.random() for _ in range(60)]
    alike = [value + dice.gauss(0, 0.1) for value in first]
    assert p_value(first, alike) == pytest.approx(stats.ttest_rel(first, alike).pvalue, abs=0.02)


def test_chance_is_called_significant_as_seldom_as_it_should_be():
    dice = random.Random(2)
    found = 0
    for _ in range(200):
        values = [[dice.random() for _ in range(12)] for _ in range(2)]
        found += p_value(*values) < 0.05
    assert found <= 20


def test_holm():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
