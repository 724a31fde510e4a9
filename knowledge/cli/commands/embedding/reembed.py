"""``knowledge reembed``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from knowledge.cli.options.flags import Argument, Flag
from knowledge.cli.options.settings import CrewOptions, EmbeddingOptions, LockOptions, ModelOptions
from knowledge.cli.render.progress import count_bar
from knowledge.cli.render.summary import cost_in_words
from knowledge.cli.render.terminal import write
from knowledge.cli.session import Session
from knowledge.records import models as records
from knowledge.text.escaping import flat
from knowledge.text.wording import counted

if TYPE_CHECKING:
    from knowledge.model import ReembedReport


def reembed(
    session: Session,
    *,
    name: Annotated[str, Argument(metavar="DATASET", help="The dataset.")],
    model: ModelOptions,
    force: Annotated[
        bool,
        Flag("--force", help="Embed again even if the dataset already has that model."),
    ] = False,
    crew: CrewOptions,
    embedding: EmbeddingOptions,
    lock: LockOptions,
) -> None:
    """Give a dataset another embedding model by embedding its stored texts again.

    No source file is needed, and chunks keep their ids. Questions are answered with the old model
    until the end. If it is interrupted, run it again: finished embeddings are in the cache.

    Example:  knowledge reembed default --embedding-model-provider static
    """
    with session.open(model, crew, embedding, lock) as kb:
        try:
            with count_bar(session, "chunks") as progress:
                report = kb.reembed(name, force=force, progress=progress)
        except KeyboardInterrupt:
            session.note("the dataset still has its old model; run again to continue")
            raise
    if session.json:
        session.print_json(records.reembedded(report))
    elif not session.quiet:
        for line in _lines(report):
            write(flat(line) + "\n")


def _lines(report: ReembedReport) -> list[str]:
    if not report.chunks:
        return [f"{report.dataset}: is already embedded with {report.after}"]
    chunks = counted(report.chunks, "chunk")
    done = f"{counted(report.embedded, 'text')} embedded, {counted(report.tokens, 'token')}"
    return [
        f"{report.dataset}: {chunks}, from {report.before} to {report.after}",
        f"{done}{cost_in_words(report.cost_usd)}, in {report.seconds:.1f} s",
    ]
