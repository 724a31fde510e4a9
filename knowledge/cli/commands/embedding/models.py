"""``knowledge models list`` and ``knowledge models test``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from knowledge.cli.groups import group
from knowledge.cli.options.declared import Without
from knowledge.cli.options.flags import Argument
from knowledge.cli.options.settings import EmbeddingOptions, ModelOptions
from knowledge.cli.render.tables import show_facts, show_table
from knowledge.cli.render.terminal import field
from knowledge.cli.session import Exit, Session
from knowledge.errors import RemoteError
from knowledge.extras import install_command
from knowledge.records import models as records
from knowledge.text.wording import counted

if TYPE_CHECKING:
    from knowledge.embeddings.listing import ProviderInfo
    from knowledge.embeddings.probe import ProbeReport


def list_models(session: Session) -> None:
    """List the embedding providers, profiles and sparse models: what each needs, which are ready.

    Ready means that nothing is missing on this machine; nothing is sent.

    Example:  knowledge models list
    """
    with session.open() as kb:
        providers, sparse = kb.models.list(), kb.models.sparse()
    if session.json:
        session.print_json(records.providers(providers, sparse))
        return
    show_table(
        session,
        ("PROVIDER", "READY", "KIND", "RUNS ON", "MISSING"),
        [
            *(
                (p.name, "yes" if p.ready else "no", p.kind, _where(p), p.missing)
                for p in providers
            ),
            *((one.model, "yes", "for --sparse", "this machine", "") for one in sparse),
        ],
    )
    if not all(provider.installed for provider in providers):
        session.note(f"an extra is installed by: {install_command('EXTRA')}")


def try_model(
    session: Session,
    *,
    embedding: Annotated[EmbeddingOptions, Without("embedding_cache")],
    model: Annotated[
        str | None,
        Argument(
            metavar="[PROVIDER:MODEL]",
            help="The provider, profile or model; default: that of the settings.",
        ),
    ] = None,
) -> None:
    """Test a model: its vectors, latency, batch limit and the best number of threads.

    It looks for faults that servers do not report: vectors of a quarter of their size, equal,
    empty, unordered or not finite. Costs a few thousand tokens. Exit code 5 when it fails.

    Example:  knowledge models test static
    """
    with session.open(ModelOptions(embedding_model_provider=model), embedding) as kb:
        report = kb.models.test()
    if session.json:
        session.print_json(records.probe(report))
    else:
        show_facts(session, [(field(name), field(value)) for name, value in _facts(report)])
    if report.failed:
        raise Exit(RemoteError.exit_code)


def _where(provider: ProviderInfo) -> str:
    return provider.where or ("names code" if provider.names == "code" else "-")


def _facts(report: ProbeReport) -> Iterator[tuple[str, str]]:
    where = f" at {report.endpoint}" if report.endpoint else report.where
    yield "model", f"{report.provider}:{report.model}{where}"
    for finding in report.findings:
        yield f"{finding.status}: {finding.name}", finding.text
    if report.latency_ms is not None:
        yield "latency", f"{report.latency_ms:g} ms for one text"
    if report.batch is not None:
        yield "batch", counted(report.batch, "text") + ("" if report.batch_is_limit else " or more")
    for threads, speed in report.throughput.items():
        best = ", the best choice" if threads == report.threads else ""
        yield f"threads {threads}", f"{speed:,.0f} texts/s{best}"


app = group(
    "models",
    "List the embedding models, or test one.\n\nExample:  knowledge models list",
    {"list": list_models, "test": try_model},
)
