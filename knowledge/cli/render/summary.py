"""An ingest report in words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from knowledge.cli.spelling import spelled
from knowledge.text.escaping import flat
from knowledge.text.wording import counted

if TYPE_CHECKING:
    from knowledge.model import FileProblem, IngestReport

_MANY = 10
"""Failed members of one file that are listed one by one; more of them become one line."""
_DETAIL = r"\([^()]*\)|'[^']*'|\"[^\"]*\"|\d[\d.,]*"
"""What differs between two reasons of one kind: numbers, names, remarks."""
_STYLES = {"failed": "red", "empty": "yellow", "unsupported": "yellow", "notice": "dim"}
_JOINERS = "\u200c\u200d"
"""Persian, Indic scripts and emoji are not written rightly without them."""


def report_lines(report: IngestReport) -> list[str]:
    """Return the summary's lines."""
    from knowledge.model import FileStatus

    files = report.files
    by_status = [f"{files[status]:,} {status}" for status in FileStatus if files.get(status)]
    would = "would be " if report.dry_run else ""
    chunks = [f"{report.chunks_added:,} {would}added"]
    if report.chunks_removed:
        chunks.append(f"{report.chunks_removed:,} {would}removed")
    if report.chunks_reused:
        chunks.append(f"{report.chunks_reused:,} reused")
    remark = " (dry run: nothing was written)" if report.dry_run else ""
    lines = [
        f"{report.dataset}: {', '.join(by_status) or 'no files'}{remark}",
        f"chunks: {', '.join(chunks)}",
    ]
    if report.embedded:
        about = "about " if report.dry_run else ""
        verb = "would be embedded" if report.dry_run else "embedded"
        cost = cost_in_words(report.cost_usd)
        texts, tokens = counted(report.embedded, "text"), counted(report.tokens, "token")
        lines.append(f"{texts} {verb}, {about}{tokens}{cost}")
    lines[-1] += f", in {report.seconds:.1f} s"
    return lines


def cost_in_words(cost_usd: float | None) -> str:
    """Return what tokens cost, to follow their number; empty where no price is known."""
    return "" if cost_usd is None else f", about ${cost_usd:,.6f}".rstrip("0").rstrip(".")


def problem_lines(report: IngestReport, *, everything: bool = False) -> list[tuple[str, str]]:
    """Return (style, line) for the files that had problems: failed ones first, each by itself.

    Others of one kind are one line with their number and an example, and so are many members of
    one file, since a stranger may have made it. The report itself has all of them.

    Parameters
    ----------
    everything:
        A line for each, whatever its kind.
    """
    order = [*_STYLES, *{one.status for one in report.problems} - set(_STYLES)]
    problems = sorted(report.problems, key=lambda one: order.index(one.status))
    alike = [[one] for one in problems] if everything else _alike(problems)
    return [(_STYLES.get(group[0].status, ""), _line(group)) for group in alike]


def _alike(problems: Sequence[FileProblem]) -> list[list[FileProblem]]:
    """Put together those that one line can tell, in the order of the first of each."""
    groups: dict[tuple[str, ...], list[FileProblem]] = {}
    for problem in problems:
        groups.setdefault(_kind(problem), []).append(problem)
    found: list[list[FileProblem]] = []
    for (status, *_), group in groups.items():
        apart = status == "failed" and len(group) <= _MANY
        found += [[one] for one in group] if apart else [group]
    return found


def _kind(problem: FileProblem) -> tuple[str, ...]:
    """Return what problems of one line have in common."""
    outer, _, member = problem.file.partition("!/")
    if problem.status == "failed":
        return problem.status, outer, "" if member else "itself"
    return problem.status, "ocr" if _takes_ocr(problem) else re.sub(_DETAIL, "#", problem.reason)


def _line(alike: Sequence[FileProblem]) -> str:
    first = alike[0]
    if len(alike) == 1:
        return f"{first.status}: {one_line(first.file)}: {flat(spelled(first.reason))}"
    outer, _, member = first.file.partition("!/")
    if first.status == "failed" and member:
        such = f"{one_line(outer)}: {counted(len(alike), 'member')}, such as {one_line(member)}"
        return f"{first.status}: {such}: {flat(spelled(first.reason))}"
    such = f"such as {one_line(first.file)}"
    if _takes_ocr(first):
        from knowledge.documents.loaders.images.ocr import install_hint

        return (
            f"{first.status}: {len(alike):,} pictures and scans need text recognition, {such}: "
            f"{install_hint()}"
        )
    return f"{first.status}: {counted(len(alike), 'file')}, {such}: {flat(spelled(first.reason))}"


def _takes_ocr(problem: FileProblem) -> bool:
    from knowledge.documents.loaders.images.ocr import NEEDED  # most commands need no loader

    return problem.reason.endswith(NEEDED)


def one_line(text: str) -> str:
    """Return a file name that stays on its line and hides nothing, whatever it holds."""
    return "".join(c if c.isprintable() or c in _JOINERS else repr(c)[1:-1] for c in text)
