"""Calendars (iCalendar, RFC 5545): events, tasks and journal entries, each below its summary."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, timedelta

from knowledge.documents.encodings import decode
from knowledge.documents.loaders.text.content_lines import (
    ContentLine,
    LinedText,
    content_lines,
    labelled,
    records,
    unescaped,
)
from knowledge.documents.loading import Source
from knowledge.errors import DocumentError
from knowledge.model import Document, TextKind
from knowledge.text.cleaning import clean

_RECORDS = {"VEVENT": "Event", "VTODO": "Task", "VJOURNAL": "Journal entry"}
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAY_CODES = dict(zip(("MO", "TU", "WE", "TH", "FR", "SA", "SU"), _DAYS, strict=True))
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_ORDINALS = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", -1: "last"}
_UNITS = {"DAILY": "day", "WEEKLY": "week", "MONTHLY": "month", "YEARLY": "year", "HOURLY": "hour"}
_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(?:\d\d)?(Z?))?")
_DURATION = re.compile(r"[+-]?P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_BY_DAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)")


def load(source: Source) -> Document:
    """Read a calendar; its lines are the file's.

    Raises
    ------
    DocumentError
        It is no calendar.
    """
    text, warnings = decode(source.data)
    lines = list(content_lines(text))
    found = list(records(lines, frozenset(_RECORDS)))
    if not found and not any(line.name == "BEGIN" for line in lines):
        raise DocumentError("it is not a calendar: nothing in it begins with BEGIN:")
    shown_text = LinedText(text)
    title = _title(lines, shown_text)
    for begun, own in found:
        summary = next((line.text for line in own if line.name == "SUMMARY"), "")
        kind = _RECORDS[begun.value.strip().upper()]
        shown_text.write(begun, f"## {' '.join(summary.split()) or kind}")
        shown_text.write_all(own, _SHOWN)
    return Document(
        shown_text.text(),
        TextKind.MARKDOWN,
        has_lines=True,
        metadata={"title": title} if title else {},
        loader="calendar",
        warnings=warnings,
    )


def _title(lines: Sequence[ContentLine], shown_text: LinedText) -> str:
    """Show the calendar's own name; return it."""
    for line in lines:
        if line.name == "BEGIN" and line.value.strip().upper() != "VCALENDAR":
            break
        if line.name in ("X-WR-CALNAME", "NAME"):
            title = " ".join(clean(line.text).split())
            shown_text.write(line, f"# {title}" if title else "")
            return title
    return ""


def _when(label: str) -> Callable[[ContentLine], str]:
    return lambda line: f"{label}: {_times(line)}"


def _times(line: ContentLine) -> str:
    zone = line.parameters.get("TZID", "")
    periods = (one.split("/") for one in line.value.split(","))
    return ", ".join(" to ".join(_time(one, zone) for one in period) for period in periods)


def _time(value: str, zone: str = "") -> str:
    """Return a day or a time with its weekday and time zone; what is neither as it is."""
    match = _TIME.fullmatch(value.strip())
    if match is None:
        return _duration(value)
    try:
        day = date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return value
    shown = f"{_DAYS[day.weekday()]}, {day.isoformat()}"
    if match[4] is None:
        return shown
    shown_zone = "UTC" if match[6] else zone
    return f"{shown} {match[4]}:{match[5]} {shown_zone}".rstrip()


def _end(line: ContentLine) -> str:
    """Show the end; that of whole days is the day after the last."""
    match = _TIME.fullmatch(line.value.strip())
    if match is None or match[4] is not None:
        return f"Ends: {_times(line)}"
    try:
        last = date(int(match[1]), int(match[2]), int(match[3])) - timedelta(days=1)
    except (ValueError, OverflowError):
        return f"Ends: {line.text}"
    return f"Last day: {_DAYS[last.weekday()]}, {last.isoformat()}"


def _duration(value: str) -> str:
    match = _DURATION.fullmatch(value.strip())
    if match is None:
        return unescaped(value)
    units = ("week", "day", "hour", "minute", "second")
    parts = zip(match.groups(), units, strict=True)
    return " ".join(_count(int(number), unit) for number, unit in parts if number) or value


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'}"


def _person(label: str) -> Callable[[ContentLine], str]:
    def show(line: ContentLine) -> str:
        address = re.sub(r"\Amailto:", "", line.text, flags=re.IGNORECASE)
        name = line.parameters.get("CN", "").strip()
        shown = f"{name} <{address}>" if name and name != address else address
        said = [
            line.parameters[key].lower().replace("-", " ")
            for key, usual in (("PARTSTAT", "NEEDS-ACTION"), ("ROLE", "REQ-PARTICIPANT"))
            if line.parameters.get(key, usual).upper() != usual
        ]
        return f"{label}: {shown}" + (f" ({', '.join(said)})" if said else "")

    return show


def _rule(line: ContentLine) -> str:
    """Return a recurrence rule in words; parts that have none stand behind, as they are."""
    pairs = (part.partition("=") for part in line.value.split(";"))
    rule = {key.strip().upper(): value.strip().upper() for key, _, value in pairs}
    unit = _UNITS.get(rule.pop("FREQ", ""))
    every = rule.pop("INTERVAL", "1")
    if unit is None or not every.isdecimal():
        return f"Repeats: {line.value}"
    said = [f"every {unit}" if every == "1" else f"every {every} {unit}s"]
    for key, words in _RULE_PARTS.items():
        value = words(rule[key]) if key in rule else ""
        if value:
            said.append(value)
            del rule[key]
    rule.pop("WKST", None)
    rest = "; ".join(f"{key}={value}" for key, value in rule.items() if key)
    return f"Repeats: {' '.join(said)}" + (f" ({rest})" if rest else "")


def _on_days(value: str) -> str:
    matches = [_BY_DAY.fullmatch(part) for part in value.split(",")]
    days = [_by_day(match[1], match[2]) for match in matches if match is not None]
    return f"on {_listed(days)}" if all(matches) and all(days) else ""


def _by_day(number: str | None, code: str) -> str:
    if number is None:
        return _DAY_CODES[code]
    ordinal = _ORDINALS.get(int(number))
    return f"the {ordinal} {_DAY_CODES[code]}" if ordinal else ""


def _in_months(value: str) -> str:
    numbers = [int(part) if part.isdecimal() else 0 for part in value.split(",")]
    if not all(0 < number <= len(_MONTHS) for number in numbers):
        return ""
    return f"in {_listed([_MONTHS[number - 1] for number in numbers])}"


def _on_month_days(value: str) -> str:
    return f"on day {_listed(value.split(','))}" if re.fullmatch(r"[\d,]+", value) else ""


def _listed(items: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(items[:-1]), items[-1])))


_RULE_PARTS: dict[str, Callable[[str], str]] = {
    "BYDAY": _on_days,
    "BYMONTHDAY": _on_month_days,
    "BYMONTH": _in_months,
    "COUNT": lambda value: _count(int(value), "time") if value.isdecimal() else "",
    "UNTIL": lambda value: f"until {_time(value)}",
}
_SHOWN: dict[str, Callable[[ContentLine], str]] = {
    "DTSTART": _when("Starts"),
    "DTEND": _end,
    "DUE": _when("Due"),
    "COMPLETED": _when("Completed"),
    "DURATION": lambda line: f"Lasts: {_duration(line.value)}",
    "RRULE": _rule,
    "RDATE": _when("Also"),
    "EXDATE": _when("Except"),
    "RECURRENCE-ID": _when("Instead of"),
    "LOCATION": labelled("Location"),
    "DESCRIPTION": labelled("Description"),
    "COMMENT": labelled("Comment"),
    "ORGANIZER": _person("Organizer"),
    "ATTENDEE": _person("Attendee"),
    "CONTACT": labelled("Contact"),
    "CATEGORIES": labelled("Categories"),
    "RESOURCES": labelled("Resources"),
    "STATUS": lambda line: f"Status: {line.text.lower().replace('-', ' ')}",
    "PERCENT-COMPLETE": lambda line: f"Complete: {line.text} %",
    "PRIORITY": labelled("Priority"),
    "URL": labelled("URL"),
    "ATTACH": lambda line: "" if "VALUE" in line.parameters else f"Attachment: {line.text}",
}
