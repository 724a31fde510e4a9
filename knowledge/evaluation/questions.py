"""Questions with what is known of their answers, from BEIR's files or from lines of our own."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowledge.errors import PathNotFoundError, UsageError
from knowledge.files.bounded_data import MAX_JSON, DataError, parse_json, read_text
from knowledge.requests import MAX_QUESTION

_HINT = (
    'A line is {"query": "...", "file": "...", "answer": "..."}, or {"_id": "...", "text": "..."}.'
)

_JUDGMENT = "A line is: query-id, corpus-id and score, with tabs between them."


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and what should be found for it.

    Parameters
    ----------
    grades:
        How well a document answers, by its id or its file; 0 and less is not at all.
    answers:
        Texts of which a passage must hold one; empty where the right file is enough.
    """

    id: str
    text: str
    grades: Mapping[str, int]
    answers: tuple[str, ...] = ()

    @property
    def judged(self) -> bool:
        """True when there is something to find."""
        return bool(self.answers) or any(grade > 0 for grade in self.grades.values())


def read_questions(queries: Path, qrels: Path | None = None) -> list[Question]:
    """Read questions, those without a known answer too.

    Parameters
    ----------
    queries:
        JSON lines: ``{"query", "file", "answer"}``, of which ``file`` and ``answer`` may be lists
        and one of them may be missing; or BEIR's ``{"_id", "text"}``.
    qrels:
        BEIR's judgments, tab-separated with a header: query-id, corpus-id, score; or TREC's, with
        four columns. For BEIR's queries it is by default ``qrels/test.tsv`` beside them.

    Raises
    ------
    PathNotFoundError
        A file does not exist.
    UsageError
        A line is not what it should be.
    """
    records = list(_records(queries))
    if not records:
        raise UsageError(f"{queries}: there is no question in it", hint=_HINT)
    beside = queries.parent / "qrels" / "test.tsv"
    if qrels is None and not any("file" in r or "answer" in r for _, r in records):
        if not beside.is_file():
            raise UsageError(
                f"{queries}: no line has a file or an answer",
                hint=f"{_HINT} Or name a file of judgments with `qrels`.",
            )
        qrels = beside
    judgments = {} if qrels is None else read_qrels(qrels)
    return [
        _question(f"{queries}:{line}", str(line), record, judgments) for line, record in records
    ]


def read_qrels(path: Path) -> dict[str, dict[str, int]]:
    """Read judgments: grades by document by question.

    Raises
    ------
    PathNotFoundError
        The file does not exist.
    UsageError
        A line has not three or four columns, or no number as its last.
    """
    judgments: dict[str, dict[str, int]] = {}
    for number, row in enumerate(_text(path).splitlines(), 1):
        cells = row.split("\t") if "\t" in row else row.split()
        if not cells:
            continue
        try:
            question, *_, document, grade = cells
            judgments.setdefault(question, {})[document] = int(float(grade))
        except (ValueError, OverflowError) as error:
            if number == 1 and not cells[-1].isdigit():
                continue  # the header
            raise UsageError(f"{path}:{number}: this is not a judgment", hint=_JUDGMENT) from error
    if not judgments:
        raise UsageError(f"{path}: there is no judgment in it", hint=_JUDGMENT)
    return judgments


def _question(
    place: str, number: str, record: Mapping[str, Any], judgments: Mapping[str, Mapping[str, int]]
) -> Question:
    text = next((record[name] for name in ("query", "question", "text") if name in record), None)
    if not isinstance(text, str) or not text.strip():
        raise UsageError(f"{place}: there is no question on this line", hint=_HINT)
    if len(text) > MAX_QUESTION:
        raise UsageError(f"{place}: the question has more than {MAX_QUESTION:,} characters")
    id = str(record.get("_id", record.get("id", number)))
    answers = _texts(place, record, "answer")
    if not all(map(flat, answers)):
        raise UsageError(f"{place}: the answer holds no letter and no digit")
    files = dict.fromkeys(_texts(place, record, "file"), 1)
    return Question(id, text, {**files, **judgments.get(id, {})}, answers)


def _texts(place: str, record: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = record.get(name, [])
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(item, str) and item for item in values):
        raise UsageError(f"{place}: {name!r} must be a text or a list of texts", hint=_HINT)
    return tuple(values)


def _records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    # Not splitlines(), which cuts at characters that may stand inside a JSON text.
    for number, line in enumerate(_text(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = parse_json(line)
        except ValueError as error:
            raise UsageError(f"{path}:{number}: this is not JSON: {error}", hint=_HINT) from error
        if not isinstance(record, dict):
            raise UsageError(f"{path}:{number}: this is not a JSON object", hint=_HINT)
        yield number, record


def _text(path: Path) -> str:
    try:
        return read_text(path, MAX_JSON)
    except FileNotFoundError as error:
        raise PathNotFoundError(f"there is no file {path}") from error
    except DataError as error:
        raise UsageError(f"can't read {path}: {error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: this is not UTF-8 text") from error
    except OSError as error:
        raise UsageError(f"can't read {path}: {error.strerror}") from error


def flat(text: str) -> str:
    """Return the letters and digits of a text, without case, marks of layout and punctuation."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(character for character in folded if character.isalnum())
