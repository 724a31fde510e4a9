"""Scales of the two sides, and their sums."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.retrieval.search.fusion import FLOOR, SCALE_DEPTH, Scale


def test_the_best_is_one_and_the_hundredth_zero():
    scale = Scale.of([float(number) for number in range(500)])
    assert scale.place(499) == 1.0
    assert scale.place(500 - SCALE_DEPTH) == 0.0
    assert scale.place(499 - (SCALE_DEPTH - 1) / 2) == pytest.approx(0.5)
    assert scale.place(-1e9) == FLOOR


@pytest.mark.parametrize(
    ("best", "score", "place"),
    [
        ([], 0.0, 0.0),
        ([0.0, 0.0], 0.0, 0.0),  # nobody holds a word of the question
        ([0.7], 0.7, 1.0),
        ([0.7, 0.7], 0.7, 1.0),
        ([0.7, 0.7], 0.2, 0.0),
        ([-0.2, -0.2], -0.2, 0.0),
        ([3.0, 0.0], 0.0, 0.0),
    ],
)
def test_scales_without_a_span(best, score, place):
    assert Scale.of(best).place(score) == place


scores = st.floats(-10, 10, allow_nan=False)


@given(st.lists(scores, max_size=150), scores, scores)
def test_a_scale_keeps_the_order(best, one, other):
    scale = Scale.of(best)
    low, high = sorted((one, other))
    assert FLOOR <= scale.place(low) <= scale.place(high)
    assert all(scale.place(score) <= 1.0 for score in best)
