"""Hits to gains: which of them are what should be found for a question.

Where a question has judged documents, hits are taken by file: a file stands where its best
passage does. Where it has answers, hits are passages, and one must be of a right file and hold
the answer. What is found counts once, where it is found first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import PurePath

from knowledge.evaluation.questions import Question, flat
from knowledge.model import Hit


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
    """Grades hits for one question.

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
        """Return the grade of each place of the ranking: of documents, or of passages."""
        return self._of_passages(hits) if self._answers else self._of_files(hits)

    def _of_files(self, hits: Sequence[Hit]) -> list[int]:
        grades: dict[str, int] = {}
        for hit in hits:
            for path in _files(hit):
                document, grade = self._documents.get(path, (path, 0))
                grades.setdefault(document, grade)
        return list(grades.values())

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
