"""Cards of people and organizations (vCard 2.1 to 4.0, RFC 6350), each below its name."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from knowledge.documents.encodings import decode
from knowledge.documents.loaders.text.content_lines import (
    ContentLine,
    LinedText,
    content_lines,
    labelled,
    records,
)
from knowledge.documents.loading import Source
from knowledge.errors import DocumentError
from knowledge.model import Document, TextKind
from knowledge.text.cleaning import clean

_NAMES = ("FN", "N", "ORG", "NICKNAME", "EMAIL", "TEL")
"""What a card may be called by, the best first."""
_SAYS_NOTHING = frozenset({"internet", "pref", "voice", "quoted-printable", ""})
_SCHEME = re.compile(r"\A(?:tel|mailto):", re.IGNORECASE)
_DAY = re.compile(r"(\d{4}|--)(\d\d)(\d\d)")


def load(source: Source) -> Document:
    """Read cards; their lines are the file's.

    Raises
    ------
    DocumentError
        There is no card in it.
    """
    text, warnings = decode(source.data)
    found = list(records(content_lines(text), frozenset({"VCARD"})))
    if not found:
        raise DocumentError("there is no card in it: nothing begins with BEGIN:VCARD")
    shown_text = LinedText(text)
    for begun, own in found:
        shown_text.write(begun, f"## {_name(own) or 'Card'}")
        shown_text.write_all(own, _SHOWN)
    title = _name(found[0][1]) if len(found) == 1 else ""
    return Document(
        shown_text.text(),
        TextKind.MARKDOWN,
        has_lines=True,
        metadata={"title": title} if title else {},
        loader="card",
        warnings=warnings,
    )


def _name(own: Sequence[ContentLine]) -> str:
    for wanted in _NAMES:
        for line in own:
            if line.name == wanted and line.value.strip(" ;"):
                shown = _full_name(line) if wanted == "N" else " ".join(line.components)
                return " ".join(clean(shown).split())
    return ""


def _full_name(line: ContentLine) -> str:
    """Return family, given and further names, prefix and suffix in the order of speech."""
    family, given, further, prefix, suffix, *_ = [*line.components, "", "", "", "", ""]
    return " ".join(filter(None, (prefix, given, further, family, suffix)))


def _structured(label: str) -> Callable[[ContentLine], str]:
    def show(line: ContentLine) -> str:
        parts = [part.strip() for part in line.components if part.strip()]
        return f"{_typed(label, line)}: {', '.join(parts)}" if parts else ""

    return show


def _address(label: str) -> Callable[[ContentLine], str]:
    return lambda line: f"{_typed(label, line)}: {_SCHEME.sub('', line.text)}"


def _typed(label: str, line: ContentLine) -> str:
    """Return the label with the types that say something, such as ``work``."""
    types = [one.strip().lower() for one in line.parameters.get("TYPE", "").split(",")]
    said = [one for one in dict.fromkeys(types) if one not in _SAYS_NOTHING]
    return f"{label} ({', '.join(said)})" if said else label


def _day(label: str) -> Callable[[ContentLine], str]:
    def show(line: ContentLine) -> str:
        match = _DAY.fullmatch(line.text.partition("T")[0])
        day = f"{match[1].replace('--', '-')}-{match[2]}-{match[3]}" if match else line.text
        return f"{label}: {day}"

    return show


_SHOWN: dict[str, Callable[[ContentLine], str]] = {
    "NICKNAME": labelled("Nickname"),
    "ORG": _structured("Organization"),
    "TITLE": labelled("Title"),
    "ROLE": labelled("Role"),
    "TEL": _address("Phone"),
    "EMAIL": _address("Email"),
    "IMPP": _address("Messenger"),
    "ADR": _structured("Address"),
    "BDAY": _day("Birthday"),
    "ANNIVERSARY": _day("Anniversary"),
    "LANG": labelled("Language"),
    "RELATED": _address("Related"),
    "MEMBER": _address("Member"),
    "CATEGORIES": labelled("Categories"),
    "URL": labelled("URL"),
    "NOTE": labelled("Note"),
}
