"""Moments as people write them: ``2024-05-31``, ``2024-05-31T18:00``, or ``7d`` ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from knowledge.errors import UsageError
from knowledge.text.wording import brief

_AGO = re.compile(r"(\d{1,6})\s*(m|h|d|w)", re.IGNORECASE)
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(text: str, where: str, *, end: bool = False) -> int:
    """Return a moment in nanoseconds since the epoch.

    Parameters
    ----------
    text:
        An ISO date or date and time, in local time unless it names a zone; or a number with
        ``m``, ``h``, ``d`` or ``w``: so many minutes, hours, days or weeks ago.
    where:
        Named in the error.
    end:
        A date alone means its end, not its begin.

    Raises
    ------
    UsageError
        The text is none of these.
    """
    text = text.strip()
    try:
        if ago := _AGO.fullmatch(text):
            unit = _UNITS[ago[2].lower()]
            return _nanoseconds(datetime.now(UTC) - timedelta(**{unit: int(ago[1])}))
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(
            f"{where} takes a date such as 2024-05-31, or an age such as 7d, not {brief(text)}",
            hint="Ages are in minutes (90m), hours (12h), days (7d) or weeks (2w).",
        ) from error
    try:
        if end and len(text) <= len("2024-05-31"):
            return _nanoseconds((found + timedelta(days=1)).astimezone()) - 1
        return _nanoseconds(found.astimezone())
    except (ValueError, OverflowError, OSError):  # at the ends of time, where zones end too
        return _nanoseconds(found.replace(tzinfo=UTC))


def _nanoseconds(when: datetime) -> int:
    return (when - _EPOCH) // timedelta(microseconds=1) * 1000
