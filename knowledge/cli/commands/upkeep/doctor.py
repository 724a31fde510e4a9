"""``knowledge doctor``."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from knowledge.cli.commands.upkeep.store import place_state
from knowledge.cli.options.common import NameOrAllArgument
from knowledge.cli.options.flags import Flag
from knowledge.cli.options.settings import LockOptions
from knowledge.cli.render.summary import one_line
from knowledge.cli.render.terminal import write
from knowledge.cli.session import Exit, Session
from knowledge.cli.spelling import spelled
from knowledge.errors import DamagedStoreError
from knowledge.records import upkeep as records
from knowledge.text.wording import counted

if TYPE_CHECKING:
    from knowledge.doctor.report import DoctorReport
    from knowledge.storage.findings import Finding
    from knowledge.storage.reports import Place


def doctor(
    session: Session,
    *,
    name: NameOrAllArgument = None,
    fix: Annotated[
        bool, Flag("--fix", help="Repair what can be repaired, after a backup.")
    ] = False,
    offline: Annotated[
        bool, Flag("--offline", help="Send nothing to an embedding provider.")
    ] = False,
    lock: LockOptions,
) -> None:
    """Check the data folder: catalog, indexes, cache, leftovers, space, providers, settings.

    Each finding says what to do about it. A repair takes lost vectors from the embedding
    cache, or embeds the stored texts again. The exit code is 7 if damage is left, else 5 if a
    server can't be used.

    Example:  knowledge doctor --fix
    """
    with session.open(lock) as kb:
        report = kb.upkeep.doctor(name, fix=fix, offline=offline)
    report = _spelled(report)
    if session.json:
        session.print_json(records.doctor(report))
    else:
        for line in _places(report):
            write(line + "\n")
        for finding in report.findings:
            write(_line(finding) + "\n")
        write(_summary(report) + "\n")
        if report.backup is not None:
            session.note(f"backup: {report.backup}")
        if session.verbose:
            versions = report.versions.items()
            session.note(", ".join(f"{name} {version}" for name, version in versions))
    if report.damaged:
        raise Exit(DamagedStoreError.exit_code)
    if report.unreached is not None:
        raise Exit(report.unreached.exit_code)


def _places(report: DoctorReport) -> list[str]:
    """Return what is where, and whether it could be used: a line for each server.

    Why not is left to the findings where one tells it.
    """
    places, told = report.store, {finding.message for finding in report.findings}
    named = [("datasets", places.datasets), ("vectors", places.vectors)]
    if places.vectors is places.datasets:
        named = [("datasets and vectors", places.datasets)]
    return [
        f"{what} in {one_line(place.name)}: {_state(place, told)}"
        for what, place in named
        if place.kind != "folder"
    ]


def _state(place: Place, told: Collection[str]) -> str:
    if place.error is not None and spelled(place.error.message) in told:
        return "can't be used"
    return place_state(place)


def _line(finding: Finding) -> str:
    mark = "fixed" if finding.fixed else finding.severity.value
    subject = one_line(finding.subject)
    message = one_line(finding.message).removeprefix(f"{subject}: ").removeprefix(f"{subject} ")
    line = f"{mark}: {subject}: {message} [{finding.code}]"
    return f"{line}\n    {one_line(finding.remedy)}" if finding.remedy else line


def _summary(report: DoctorReport) -> str:
    fixed = sum(finding.fixed for finding in report.findings)
    left = len(report.findings) - fixed
    state = "incomplete" if report.unreached is not None else "healthy"
    state = "damaged" if report.damaged else state
    found = [counted(left, "finding") if left else "nothing to repair"]
    if fixed:
        found = [f"{fixed} fixed", f"{left} left"]
    return f"{state}: {counted(len(report.datasets), 'dataset')} checked, {', '.join(found)}"


def _spelled(report: DoctorReport) -> DoctorReport:
    """Return a report in which fields are spelled as flags."""
    findings = (
        replace(one, message=spelled(one.message), remedy=spelled(one.remedy))
        for one in report.findings
    )
    return replace(report, findings=tuple(findings))
