"""An ingest report in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from knowledge.cli.render.cleaning import flat
from knowledge.cli.spelling import spelled
from knowledge.model import FileProblem, FileStatus, IngestReport
from knowledge.text.wording import counted

_MANY = 10
"""Problems of one kind that are listed one by one; more of them become one line."""
_MOST_LINES = 100
"""Lines for the problems of one status."""
_STYLES = {"failed": "red", "empty": "yellow", "unsupported": "yellow", "notice": "dim"}
_JOINERS = "\u200c\u200d"
"""Persian, Indic scripts and emoji are not written rightly without them."""


def report_lines(report: IngestReport) -> list[str]:
    """Return the summary's lines."""
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


def problem_lines(report: IngestReport) -> list[tuple[str, str]]:
    """Return (style, line) for the files that had problems.

    Many with one reason, and many members of one file, are one line with their number; of many
    with different reasons the first are listed. The report itself has all of them.
    """
    lines: list[tuple[str, str]] = []
    listed: Counter[str] = Counter()
    for alike in _alike(report.problems):
        status = alike[0].status
        listed[status] += 1
        if listed[status] <= _MOST_LINES:
            lines.append((_STYLES.get(status, ""), _line(alike)))
    for status, count in listed.items():
        if count > _MOST_LINES:
            more = f"{status}: {count - _MOST_LINES:,} more lines like these; --json has them all"
            lines.append((_STYLES.get(status, ""), more))
    return lines


def _alike(problems: Sequence[FileProblem]) -> list[list[FileProblem]]:
    """Put together those that one line can tell, in the order of the first of each."""
    groups: dict[tuple[str, ...], list[FileProblem]] = {}
    for problem in problems:
        outer, _, member = problem.file.partition("!/")
        key = (problem.status, outer, "") if member else (problem.status, problem.reason)
        groups.setdefault(key, []).append(problem)
    found: list[list[FileProblem]] = []
    for group in groups.values():
        found += [group] if len(group) > _MANY else [[one] for one in group]
    return found


def _line(alike: Sequence[FileProblem]) -> str:
    first = alike[0]
    if len(alike) == 1:
        return f"{first.status}: {one_line(first.file)}: {flat(spelled(first.reason))}"
    outer, _, member = first.file.partition("!/")
    if member:
        such = f"{one_line(outer)}: {counted(len(alike), 'member')}, such as {one_line(member)}"
    else:
        such = f"{counted(len(alike), 'file')}, such as {one_line(first.file)}"
    return f"{first.status}: {such}: {flat(spelled(first.reason))}"


def one_line(text: str) -> str:
    """Return a file name that stays on its line and hides nothing, whatever it holds."""
    return "".join(c if c.isprintable() or c in _JOINERS else repr(c)[1:-1] for c in text)
