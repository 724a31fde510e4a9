"""Made-up documents and questions: English words as often as they are in English text.

The words are those of Python's own reference, which every Python brings along; each section gets
a few names of its own, so that questions have one right answer. The same arguments give the same
files.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SECTION_WORDS = 150
SECTIONS = 5


@cache
def vocabulary() -> tuple[list[str], list[int]]:
    """Return the words and how often each stands in Python's reference."""
    from pydoc_data.topics import topics

    counts = Counter(re.findall(r"\b[a-z]{1,14}\b", " ".join(topics.values()).lower()))
    return list(counts), list(counts.values())


def words(source: random.Random, count: int) -> list[str]:
    """Return so many words."""
    known, weights = vocabulary()
    return source.choices(known, cum_weights=_cumulated(tuple(weights)), k=count)


@cache
def _cumulated(weights: tuple[int, ...]) -> list[int]:
    total, found = 0, []
    for weight in weights:
        total += weight
        found.append(total)
    return found


def name(number: int) -> str:
    """Return a made-up proper name; another one for each number."""
    syllables = "ka lo mi ne ru sa te vo zu bi da fe go hi ju".split()
    found = ""
    number += 15**3
    while number:
        number, rest = divmod(number, len(syllables))
        found += syllables[rest]
    return found.capitalize()


def section(source: random.Random, number: int, length: int = SECTION_WORDS) -> str:
    """Return a paragraph of sentences that name the section's own subject."""
    text = words(source, length)
    for start in range(0, length, 11):
        text[start] = text[start].capitalize()
        end = min(start + 10, length - 1)
        text[end] += "."
    text[3] = text[length // 2] = name(number)
    return " ".join(text)


def question(number: int, seed: int = 5) -> str:
    """Return a question for the section with this number."""
    source = random.Random(f"{seed} {number}")
    return f"What does {name(number)} {' '.join(words(source, 5))}?"


def markdown(number: int, sections: int = SECTIONS, length: int = SECTION_WORDS) -> str:
    """Return the Markdown file with this number; sections are numbered through all files."""
    source = random.Random(number)
    parts = [f"# Guide {number} to {name(number * sections)}"]
    for place in range(sections):
        own = number * sections + place
        parts += [f"## The {name(own)} {source.choice(vocabulary()[0])}"]
        parts += [section(source, own, length)]
    return "\n\n".join(parts) + "\n"


def write_markdown(
    folder: Path, files: int, sections: int = SECTIONS, length: int = SECTION_WORDS
) -> Path:
    """Write so many Markdown files, 100 to a folder."""
    for number in range(files):
        below = folder / f"{number // 100:04}"
        if number % 100 == 0:
            below.mkdir(parents=True, exist_ok=True)
        text = markdown(number, sections, length)
        (below / f"{number:06}.md").write_text(text, encoding="utf-8")
    return folder


def write_pdf(folder: Path, files: int, pages: int = 10) -> Path:
    """Write so many PDF files of ``pages`` pages, 40 lines each."""
    from tests.documents.makers import pdf

    folder.mkdir(parents=True, exist_ok=True)
    for number in range(files):
        source = random.Random(1_000_000 + number)
        page = ("\n".join(" ".join(words(source, 12)) for _ in range(40)) for _ in range(pages))
        (folder / f"{number:05}.pdf").write_bytes(pdf(*page))
    return folder


def passages(folder: Path) -> Iterator[str]:
    """Yield the sections of the Markdown files below a folder, each with its heading."""
    for path in sorted(folder.rglob("*.md")):
        _, *parts = path.read_text(encoding="utf-8").split("\n## ")
        yield from (f"## {part}".strip() for part in parts)
