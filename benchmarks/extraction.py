"""How much of what stands in real files the loaders find, and how much they should not have kept.

    python -m benchmarks.extraction FOLDER [--reader knowledge] [--format pdf] [--missing]

``FOLDER/manifest.jsonl`` has one object a line: ``path``, ``format``, ``expect``, ``must`` (phrases
that the text holds), ``must_not`` (navigation, banners, boilerplate) and perhaps ``password``.
A page is 1,800 characters of what was found; each file is read twice, and the second time counts.
``expect`` is ``text``, ``empty_ok``, ``password``, ``password_or_text`` or ``fail_ok`` (also
``error_ok``). Phrases are compared by their letters and digits alone. Each file is read in a
process of its own with a time limit, so that a crash is an outcome too.

Readers: ``knowledge``; ``knowledge:ENGINES`` such as ``knowledge:pdf=pypdf``; ``kreuzberg``,
``markitdown`` and ``trafilatura`` as they are, where installed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SECONDS = 120
PAGE = 1_800
ALLOWED = {
    "text": {"text"},
    "empty_ok": {"text", "empty"},
    "password": {"password"},
    "password_or_text": {"password", "text"},
    "fail_ok": {"failed", "empty", "password", "unsupported", "text"},
    "error_ok": {"failed", "empty", "password", "unsupported", "text"},
    "unsupported_ok": {"unsupported", "text", "empty"},
}


@dataclass(slots=True)
class Score:
    """What one reader made of the files of one format."""

    files: int = 0
    must: int = 0
    found: int = 0
    must_not: int = 0
    kept: int = 0
    pages: float = 0.0
    seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    unmet: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def add(self, row: dict[str, Any], outcome: str, text: str, seconds: float) -> None:
        """Count one file."""
        plain = letters(text)
        if outcome == "text":
            self.pages += max(1.0, len(text) / PAGE)
            self.seconds += seconds
        self.files += 1
        self.outcomes[outcome] += 1
        if outcome not in ALLOWED.get(row["expect"], {"text"}):
            self.unmet.append(f"{row['path']}: expected {row['expect']}, {outcome} {text[:80]!r}")
        for phrase in row["must"]:
            self.must += 1
            held = letters(phrase) in plain
            self.found += held
            if not held:
                self.missing.append(f"{row['path']}: {phrase!r}")
        for phrase in row["must_not"]:
            self.must_not += 1
            self.kept += letters(phrase) in plain


def main() -> None:
    """Run the benchmark as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--reader", nargs="+", default=["knowledge"])
    parser.add_argument("--format", nargs="+", default=[])
    parser.add_argument("--missing", action="store_true", help="list missing phrases")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    lines = (options.folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [
        row
        for row in map(json.loads, lines)
        if row["format"] in (options.format or [row["format"]])
    ]
    for reader in options.reader:
        scores = score(options.folder, rows, reader, options.jobs)
        report(reader, scores, missing=options.missing)


def score(folder: Path, rows: Sequence[dict[str, Any]], reader: str, jobs: int) -> dict[str, Score]:
    """Read every file; return the scores by format."""
    scores: dict[str, Score] = defaultdict(Score)
    with ThreadPoolExecutor(jobs) as pool:
        answers = pool.map(lambda row: in_own_process(reader, folder / row["path"], ()), rows)
        for row, (outcome, text, seconds) in zip(rows, answers, strict=True):
            scores[row["format"]].add(row, outcome, text, seconds)
    locked = [row for row in rows if row.get("password")]
    for row in locked if reader.startswith("knowledge") else ():
        outcome, text, _ = in_own_process(reader, folder / row["path"], (row["password"],))
        scores[row["format"]].outcomes["opened"] += outcome in ("text", "empty")
        if outcome not in ("text", "empty"):
            scores[row["format"]].unmet.append(f"{row['path']}: with its password {outcome} {text}")
    return scores


def in_own_process(reader: str, path: Path, passwords: tuple[str, ...]) -> tuple[str, str, float]:
    """Return (outcome, text or reason, seconds)."""
    context = multiprocessing.get_context("forkserver")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=child, args=(sending, reader, str(path), passwords))
    process.start()
    sending.close()
    answer = ("time-out", "", 0.0)
    try:
        if receiving.poll(SECONDS):
            answer = receiving.recv()
    except EOFError:
        answer = ("crash", "the process died", 0.0)
    process.kill()
    process.join()
    return answer


def child(pipe: Any, reader: str, path: str, passwords: tuple[str, ...]) -> None:
    """Read one file and send what came out."""
    name, _, engines = reader.partition(":")
    try:
        READERS[name](Path(path), engines, passwords)  # imports what it needs
        start = time.perf_counter()
        outcome, text = READERS[name](Path(path), engines, passwords)
        pipe.send((outcome, text, time.perf_counter() - start))
    except BaseException as error:  # noqa: BLE001  a peer's panic is an outcome
        pipe.send(("failed", f"{type(error).__name__}: {error}"[:300], 0.0))


def by_knowledge(path: Path, engines: str, passwords: tuple[str, ...]) -> tuple[str, str]:
    """Read as ``knowledge load`` does."""
    from knowledge.documents.loading import load
    from knowledge.documents.options import LoadOptions
    from knowledge.errors import DocumentError, EmptyDocumentError, UnsupportedDocumentError
    from knowledge.settings.reading import Settings

    settings = Settings.read(environ={}, folder=Path("/nowhere"), loader=engines or None)
    try:
        loaded = load(path.read_bytes(), path.name, LoadOptions.from_settings(settings, passwords))
    except EmptyDocumentError as error:
        return "empty", error.message
    except UnsupportedDocumentError as error:
        return "unsupported", error.message
    except DocumentError as error:
        return ("password" if "password" in error.message else "failed"), error.message
    if not loaded.documents:
        return "failed", "; ".join(problem.reason for problem in loaded.problems)
    titles = [str(value) for one in loaded.documents for value in one.metadata.values()]
    return "text", "\n".join([*(one.text for one in loaded.documents), *titles])


def by_kreuzberg(path: Path, _: str, __: tuple[str, ...]) -> tuple[str, str]:
    """Read with kreuzberg as it is."""
    import kreuzberg

    return _told(kreuzberg.extract_file_sync(str(path)).content)


def by_markitdown(path: Path, _: str, __: tuple[str, ...]) -> tuple[str, str]:
    """Read with MarkItDown as it is."""
    from markitdown import MarkItDown

    return _told(MarkItDown().convert(str(path)).text_content)


def by_trafilatura(path: Path, _: str, __: tuple[str, ...]) -> tuple[str, str]:
    """Read with trafilatura as it is."""
    import trafilatura

    return _told(trafilatura.extract(path.read_bytes()) or "")


READERS: dict[str, Callable[[Path, str, tuple[str, ...]], tuple[str, str]]] = {
    "knowledge": by_knowledge,
    "kreuzberg": by_kreuzberg,
    "markitdown": by_markitdown,
    "trafilatura": by_trafilatura,
}


def _told(text: str) -> tuple[str, str]:
    return ("text" if text.strip() else "empty"), text


def letters(text: str) -> str:
    """Return the letters and digits of a text, case folded."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def report(reader: str, scores: dict[str, Score], *, missing: bool) -> None:
    """Print a table, then what was not met."""
    print(
        f"\n{reader}\n\n| format | files | phrases found | boilerplate kept | pages/s | outcomes |"
    )
    print("|---|--:|--:|--:|--:|---|")
    total = Score()
    for name, one in sorted(scores.items()):
        print_row(name, one)
        total.files += one.files
        total.must, total.found = total.must + one.must, total.found + one.found
        total.must_not, total.kept = total.must_not + one.must_not, total.kept + one.kept
        total.pages, total.seconds = total.pages + one.pages, total.seconds + one.seconds
        total.outcomes += one.outcomes
        total.unmet += one.unmet
        total.missing += one.missing
    print_row("all", total)
    for line in total.unmet:
        print("unmet:", line)
    for line in total.missing if missing else ():
        print("missing:", line)


def print_row(name: str, one: Score) -> None:
    """Print one row of the table."""
    found = f"{one.found}/{one.must} ({one.found / one.must:.1%})" if one.must else "-"
    kept = f"{one.kept}/{one.must_not} ({one.kept / one.must_not:.1%})" if one.must_not else "-"
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in one.outcomes.most_common())
    speed = f"{one.pages / one.seconds:,.0f}" if one.seconds else "-"
    print(f"| {name} | {one.files} | {found} | {kept} | {speed} | {outcomes} |")


if __name__ == "__main__":
    main()
