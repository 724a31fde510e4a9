"""The data folder: what is in it, what it lacks, and what went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from knowledge.model import FileStatus
from knowledge.records.errors import error
from knowledge.records.nouns import dataset_details
from knowledge.records.schema import of

if TYPE_CHECKING:
    from knowledge.doctor.report import DoctorReport
    from knowledge.storage.history import Run
    from knowledge.storage.reports import (
        CacheStats,
        Compacted,
        DatasetStatus,
        Leftover,
        Place,
        Places,
        Status,
    )


_MISSED = ("failed", "empty", "unsupported")


def status(found: Status) -> dict[str, Any]:
    """Return counts and sizes as ``knowledge.status/1``."""
    sizes = found.sizes
    return of(
        "status",
        {
            "path": str(found.root),
            "store": found.store,
            "format": found.format,
            "bytes": {
                "catalog": sizes.catalog,
                "vectors": sizes.vectors,
                "cache": sizes.cache,
                "archives": sizes.archives,
                "backups": sizes.backups,
                "total": sizes.total,
                "free": sizes.free,
            },
            "cache_limit": found.cache_limit,
            "datasets": [_dataset_record(one) for one in found.datasets],
        },
    )


def store(places: Places, held: Status | None) -> dict[str, Any]:
    """Return where datasets and vectors are, and what there is, as ``knowledge.store/1``."""
    return of(
        "store",
        {
            **_places_record(places),
            "holds": None
            if held is None
            else {
                **counts(held),
                "bytes": held.sizes.total,
                "bytes_a_chunk": bytes_a_chunk(held),
            },
        },
    )


def counts(held: Status) -> dict[str, int]:
    """Return how many datasets there are, with how many files and chunks."""
    datasets = [one.dataset for one in held.datasets]
    return {
        "datasets": len(datasets),
        "files": sum(dataset.files for dataset in datasets),
        "chunks": sum(dataset.chunks for dataset in datasets),
    }


def bytes_a_chunk(held: Status) -> int | None:
    """Return the bytes of catalog and vectors for each chunk; ``None`` without chunks."""
    chunks = counts(held)["chunks"]
    return round((held.sizes.catalog + held.sizes.vectors) / chunks) if chunks else None


def _places_record(places: Places) -> dict[str, Any]:
    return {
        "datasets": _place_record(places.datasets),
        "vectors": _place_record(places.vectors),
    }


def _place_record(place: Place) -> dict[str, Any]:
    return {
        "kind": place.kind,
        "place": place.name,
        "reachable": place.error is None,
        "error": None if place.error is None else error(place.error)["error"],
        "versions": dict(place.versions),
    }


def history(dataset: str, runs: Sequence[Run]) -> dict[str, Any]:
    """Return a dataset's runs as ``knowledge.history/1``."""
    return of("history", {"dataset": dataset, "runs": [run_record(run) for run in runs]})


def doctor(report: DoctorReport) -> dict[str, Any]:
    """Return findings as ``knowledge.doctor/1``."""
    return of(
        "doctor",
        {
            "damaged": report.damaged,
            "datasets": list(report.datasets),
            "findings": [
                {
                    "code": finding.code,
                    "severity": finding.severity.value,
                    "subject": finding.subject,
                    "message": finding.message,
                    "remedy": finding.remedy,
                    "fixed": finding.fixed,
                }
                for finding in report.findings
            ],
            "backup": None if report.backup is None else str(report.backup),
            "versions": dict(report.versions),
            "store": _places_record(report.store),
        },
    )


def cache(stats: CacheStats, path: str) -> dict[str, Any]:
    """Return the embedding cache as ``knowledge.cache/1``."""
    return of(
        "cache",
        {
            "path": path,
            "vectors": stats.vectors,
            "bytes": stats.bytes,
            "limit": stats.limit,
            "models": [
                {"name": model.name, "vectors": model.vectors, "bytes": model.bytes}
                for model in stats.models
            ],
        },
    )


def compacted(done: Sequence[Compacted]) -> dict[str, Any]:
    """Return what was given back to the disk as ``knowledge.compact/1``."""
    records = [
        {"name": one.name, "dead": one.dead, "before": one.before, "after": one.after}
        for one in done
    ]
    return of("compact", {"compacted": records})


def leftovers(gone: Sequence[Leftover], *, dry_run: bool) -> dict[str, Any]:
    """Return what went, or would go, as ``knowledge.gc/1``."""
    records = [{"kind": one.kind, "name": one.name, "bytes": one.bytes} for one in gone]
    total = sum(one.bytes for one in gone)
    return of("gc", {"dry_run": dry_run, "bytes": total, "removed": records})


def _dataset_record(one: DatasetStatus) -> dict[str, Any]:
    run = one.last_run
    return {
        **dataset_details(one.dataset),
        "vector_bytes": one.vector_bytes,
        "dead": one.dead,
        "dead_share": round(one.dead_share, 4),
        "missed": {name: one.missed.get(name, 0) for name in _MISSED},
        "missed_members": {name: one.missed_members.get(name, 0) for name in _MISSED},
        "runs": len(one.runs),
        "embedded": one.embedded,
        "cached": one.cached,
        "cache_hit_rate": one.cache_hit_rate,
        "tokens": one.tokens,
        "cost_usd": one.cost_usd,
        "last_run": None if run is None else run_record(run),
    }


def emptied(path: str, removed: Sequence[str]) -> dict[str, Any]:
    """Return what a reset removed from the data folder as ``knowledge.reset/1``."""
    return of("reset", {"path": path, "removed": list(removed)})


def run_record(run: Run) -> dict[str, Any]:
    """Return a run as ``knowledge.history/1`` lists it."""
    report = run.report
    files = report.get("files") or {}
    chunks = report.get("chunks") or {}
    return {
        "command": run.command,
        "started_at": run.started_at.isoformat(),
        "ended_at": run.ended_at.isoformat() if run.ended_at else None,
        "outcome": run.outcome or "running",
        "generation": run.generation,
        "files": {status.value: files.get(status.value, 0) for status in FileStatus},
        "chunks": {name: chunks.get(name, 0) for name in ("added", "removed", "reused")},
        "embedded": report.get("embedded", 0),
        "cached": report.get("cached", 0),
        "tokens": report.get("tokens", 0),
        "cost_usd": report.get("cost_usd"),
        "problem_count": report.get("problem_count", 0),
        "problems": list(report.get("problems") or []),
        "error": report.get("error"),
    }
