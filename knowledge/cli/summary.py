"""An ingest report in words."""

from __future__ import annotations

from knowledge.cli.cleaning import flat
from knowledge.model import FileStatus, IngestReport
from knowledge.wording import counted

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
    """Return a (style, line) for each file that had a problem."""
    return [
        (
            _STYLES.get(problem.status, ""),
            f"{problem.status}: {one_line(problem.file)}: {flat(problem.reason)}",
        )
        for problem in report.problems
    ]


def one_line(text: str) -> str:
    """Return a file name that stays on its line and hides nothing, whatever it holds."""
    return "".join(c if c.isprintable() or c in _JOINERS else repr(c)[1:-1] for c in text)
