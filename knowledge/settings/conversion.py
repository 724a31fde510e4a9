"""Conversion of what a flag, a variable or a file holds to a setting's value."""

from __future__ import annotations

from typing import Any

from knowledge.errors import UsageError
from knowledge.settings.table import Setting
from knowledge.text.wording import brief, did_you_mean

MAX_TEXT = 1_000_000
"""Maximum characters of a text; keys and lists are far shorter."""


def convert(setting: Setting, raw: Any, where: str) -> str | int | float | bool:
    """Return a value as the setting's type.

    Parameters
    ----------
    where:
        Names the source in an error.

    Raises
    ------
    UsageError
        The value is invalid.
    """
    wanted = type(setting.default)
    try:
        value = _as_bool(raw) if wanted is bool else wanted(_plain(raw, wanted))
    except (TypeError, ValueError, OverflowError) as error:
        kinds = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
        raise UsageError(f"{where} must be {kinds[wanted]}, not {brief(raw)}") from error
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise UsageError(f"{where} has more than {MAX_TEXT:,} characters: {brief(raw)}")
    if isinstance(value, int | float) and value != value:
        raise UsageError(f"{where} must be a number, not {brief(raw)}")
    if setting.minimum is not None and value < setting.minimum:  # type: ignore[operator]
        raise UsageError(f"{where} must be at least {setting.minimum:,g}, not {brief(raw)}")
    if setting.maximum is not None and value > setting.maximum:  # type: ignore[operator]
        raise UsageError(f"{where} must be at most {setting.maximum:,.10g}, not {brief(raw)}")
    if not setting.choices:
        return value
    given = setting.synonyms.get(str(value).upper(), str(value))
    for choice in setting.choices:
        if choice.lower() == given.lower():
            return choice
    raise UsageError(
        f"{where} must be one of {', '.join(setting.choices)}, not {brief(raw)}",
        hint=did_you_mean(str(raw), setting.choices) or None,
    )


def _plain(raw: Any, wanted: type) -> Any:
    """Refuse what a conversion would silently change, such as 1.5 to 1 or a list to its text."""
    wrong = isinstance(raw, bool) if wanted is not str else not isinstance(raw, str | int | float)
    if wrong or (wanted is int and isinstance(raw, float) and not raw.is_integer()):
        raise ValueError(raw)
    return raw


def _as_bool(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    text = str(raw).strip().lower()
    if text in ("1", "true", "yes", "on"):
        return True
    if text in ("0", "false", "no", "off", ""):
        return False
    raise ValueError(raw)
