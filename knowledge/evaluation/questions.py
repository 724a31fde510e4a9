"""Questions with what is known of their answers, from BEIR's files or from lines of our own."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from knowledge.errors import PathNotFoundError, UsageError
from knowledge.files.bounded_data import MAX_JSON, DataError, parse_json, read_text
from knowledge.model import Hit
from knowledge.requests import MAX_QUESTION

# Hits to gains: which of them are what should be found.
#
# Where a question has judged documents, hits are taken by file: a file stands where its best
# passage does. Where it has answers, hits are passages, and one must be of a right file and hold
# the answer. What is found counts once, where it is found first.


def flat(text: str) -> str:
    """Return the letters and digits of a text, without case, marks of layout and punctuation."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(character for character in folded if character.isalnum())


class FileNames:
    """Finds the files that a name in a list of judgments means.

    Parameters
    ----------
    paths:
        The paths of a dataset's files.
    """

    def __init__(self, paths: Collection[str]) -> None:
        self._by_path: dict[str, set[str]] = {}
        self._by_stem: dict[str, set[str]] = {}
        for path in paths:
            parts = PurePath(path).parts
            for start in range(len(parts)):
                ending = "/".join(parts[start:]).replace("//", "/")
                self._by_path.setdefault(ending, set()).add(path)
            self._by_path.setdefault(path, set()).add(path)
            self._by_stem.setdefault(PurePath(path).stem, set()).add(path)

    def paths(self, name: str) -> frozenset[str]:
        """Return the files that have this path, else this ending of a path, else this stem."""
        plain = name.replace("\\", "/").removeprefix("./")
        found = self._by_path.get(name) or self._by_path.get(plain) or self._by_stem.get(name)
        return frozenset(found or ())


class Judge:
    """Tells what hits are worth for one question.

    Parameters
    ----------
    names:
        The files of the dataset that is asked.
    """

    def __init__(self, question: Question, names: FileNames) -> None:
        self._answers = [flat(answer) for answer in question.answers]
        self._documents: dict[str, tuple[str, int]] = {}
        self.unmatched: list[str] = []
        for document, grade in question.grades.items():
            paths = names.paths(document)
            if not paths and grade > 0:
                self.unmatched.append(document)
            for path in paths:
                self._documents.setdefault(path, (document, max(grade, 0)))
        right = [grade for grade in question.grades.values() if grade > 0]
        self._by_file = bool(question.grades)
        self.ideal: list[int] = [1] if self._answers else sorted(right, reverse=True)

    def gains(self, hits: Sequence[Hit]) -> list[int]:
        """Return what each place of the ranking is worth, in order: documents, or passages."""
        return self._of_passages(hits) if self._answers else self._of_files(hits)

    def _of_files(self, hits: Sequence[Hit]) -> list[int]:
        worth: dict[str, int] = {}
        for hit in hits:
            for path in _files(hit):
                document, grade = self._documents.get(path, (path, 0))
                worth.setdefault(document, grade)
        return list(worth.values())

    def _of_passages(self, hits: Sequence[Hit]) -> list[int]:
        gains = [0] * len(hits)
        for place, hit in enumerate(hits):
            if self._is_right(hit) and any(answer in flat(hit.text) for answer in self._answers):
                gains[place] = 1
                break
        return gains

    def _is_right(self, hit: Hit) -> bool:
        right = any(self._documents.get(path, ("", 0))[1] > 0 for path in _files(hit))
        return right or not self._by_file


def _files(hit: Hit) -> Iterator[str]:
    """Yield the file of a hit, then those of the near duplicates that were folded into it."""
    yield hit.file
    for other in hit.also:
        yield other.file


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
                f"{queries}: no line has a file or an answer", hint="Name judgments with `qrels`."
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
            raise UsageError(f"{path}:{number}: this is no judgment", hint=_JUDGMENT) from error
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
            raise UsageError(f"{path}:{number}: this is no JSON: {error}", hint=_HINT) from error
        if not isinstance(record, dict):
            raise UsageError(f"{path}:{number}: this is no JSON object", hint=_HINT)
        yield number, record


def _text(path: Path) -> str:
    try:
        return read_text(path, MAX_JSON)
    except FileNotFoundError as error:
        raise PathNotFoundError(f"there is no file {path}") from error
    except DataError as error:
        raise UsageError(f"can't read {path}: {error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: this is no UTF-8 text") from error
    except OSError as error:
        raise UsageError(f"can't read {path}: {error.strerror}") from error
