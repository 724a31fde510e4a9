"""Embedding models, and what they were used for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from knowledge.records.nouns import embedding_record
from knowledge.records.schema import of

if TYPE_CHECKING:
    from knowledge.embeddings.listing import ProviderInfo
    from knowledge.embeddings.probe import ProbeReport
    from knowledge.embeddings.sparse import SparseInfo
    from knowledge.model import EmbedderSpec, ReembedReport


def providers(listed: Sequence[ProviderInfo], sparse: Sequence[SparseInfo]) -> dict[str, Any]:
    """Return the embedding providers and the sparse models as ``knowledge.models/1``."""
    return of(
        "models",
        {
            "providers": [_provider_record(one) for one in listed],
            "sparse": [
                {"model": one.model, "about": one.about, "megabytes": one.megabytes}
                for one in sparse
            ],
        },
    )


def probe(report: ProbeReport) -> dict[str, Any]:
    """Return what was found out about a model as ``knowledge.probe/1``."""
    return of(
        "probe",
        {
            "provider": report.provider,
            "model": report.model,
            "endpoint": report.endpoint or None,
            "failed": report.failed,
            "dimensions": report.dimensions,
            "latency_ms": report.latency_ms,
            "batch": report.batch,
            "batch_is_limit": report.batch_is_limit,
            "threads": report.threads,
            "throughput": [
                {"threads": threads, "texts_per_second": speed}
                for threads, speed in report.throughput.items()
            ],
            "findings": [
                {"name": finding.name, "status": finding.status, "text": finding.text}
                for finding in report.findings
            ],
        },
    )


def reembedded(report: ReembedReport) -> dict[str, Any]:
    """Return what was embedded again as ``knowledge.reembed/1``."""
    return of(
        "reembed",
        {
            "dataset": report.dataset,
            "before": embedding_record(report.before),
            "after": embedding_record(report.after),
            "chunks": report.chunks,
            "embedded": report.embedded,
            "tokens": report.tokens,
            "cost_usd": report.cost_usd,
            "seconds": report.seconds,
        },
    )


def embedded(
    spec: EmbedderSpec,
    *,
    dimensions: int | None,
    count: int,
    target: str | None,
    lines: Sequence[Mapping[str, Any]],
    refused: Mapping[int, str],
) -> dict[str, Any]:
    """Return embeddings as ``knowledge.embed/1``.

    Parameters
    ----------
    target:
        The file that has the vectors, where they are not in ``lines``.
    refused:
        Why a text, known by its index, has no vector.
    """
    content = {
        "provider": spec.provider,
        "model": spec.model,
        "dimensions": dimensions,
        "count": count,
        "target": target,
        "embeddings": list(lines),
        "refused": [{"index": index, "reason": reason} for index, reason in refused.items()],
    }
    return of("embed", content)


def similarity(score: float, metric: str, texts: Sequence[str]) -> dict[str, Any]:
    """Return how alike two texts are as ``knowledge.similarity/1``."""
    content = {"metric": metric, "similarity": round(score, 6), "texts": list(texts)}
    return of("similarity", content)


def _provider_record(provider: ProviderInfo) -> dict[str, Any]:
    return {
        "name": provider.name,
        "kind": provider.kind,
        "runs_on": provider.where or None,
        "ready": provider.ready,
        "requires": [
            {"variables": list(need.variables), "is_set": need.is_set} for need in provider.requires
        ],
        "extra": provider.extra or None,
        "installed": provider.installed,
        "problem": provider.problem or None,
        **({"names": provider.names} if provider.names else {}),
    }
