"""Moments as people write them."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from knowledge.errors import UsageError
from knowledge.retrieval.moments import moment

SECOND = 1_000_000_000


@pytest.fixture(params=["UTC", "Asia/Tokyo", "America/New_York"])
def zone(request, monkeypatch):
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.delenv("TZ")
    time.tzset()


def test_a_date_is_the_day_here(zone):
    start = moment("2024-05-31", "--since")
    assert start == int(datetime(2024, 5, 31).timestamp()) * SECOND
    assert moment("2024-05-31", "--until", end=True) == start + 86_400 * SECOND - 1


def test_a_time_may_name_its_zone(zone):
    assert moment("2024-05-31T18:00:00+02:00", "--since") == (
        int(datetime(2024, 5, 31, 16, tzinfo=UTC).timestamp()) * SECOND
    )
    assert moment("2024-05-31T16:00Z", "--until", end=True) == moment(
        "2024-05-31T16:00Z", "--since"
    )
    assert moment("2024-05-31T18:00", "--since") == (
        int(datetime(2024, 5, 31, 18).timestamp()) * SECOND
    )


@pytest.mark.parametrize(
    ("text", "seconds"), [("7d", 604_800), ("12h", 43_200), ("30m", 1_800), ("2W", 1_209_600)]
)
def test_an_age_counts_from_now(text, seconds):
    assert abs(time.time_ns() - seconds * SECOND - moment(text, "--since")) < 60 * SECOND


def test_the_ends_of_time_are_moments():
    assert moment("0001-01-01", "--since") < 0
    assert moment("9999-12-31", "--until", end=True) > moment("9999-12-30", "--until", end=True)


@pytest.mark.parametrize("text", ["", "yesterday", "2024-13-01", "7", "7x", "-7d", "999999w"])
def test_what_is_no_moment(text):
    with pytest.raises(UsageError, match="--since takes a date"):
        moment(text, "--since")
