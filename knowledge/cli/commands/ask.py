"""``knowledge ask``."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from knowledge.cli.options import common as options
from knowledge.cli.options import retrieval as retrieval_options
from knowledge.cli.options.dataset_names import named_datasets
from knowledge.cli.render.records import hit_record
from knowledge.cli.render.summary import one_line
from knowledge.cli.render.terminal import write
from knowledge.cli.session import Session
from knowledge.errors import NotFoundError

if TYPE_CHECKING:
    from knowledge.answering.answer import Answer
    from knowledge.retrieval.query import Query


def ask(
    session: Session,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="The question; - reads stdin.")],
    dataset: Annotated[
        list[str] | None,
        typer.Option(
            "-d",
            "--dataset",
            help="Dataset; may be repeated [KNOW_DATASET; default: default].",
            metavar="NAME",
        ),
    ] = None,
    chat_model: Annotated[
        str | None,
        typer.Option(
            "--chat-model", help="Chat model [KNOW_CHAT_MODEL, OPENAI_MODEL].", metavar="MODEL"
        ),
    ] = None,
    max_tokens: Annotated[
        int,
        typer.Option("--max-tokens", help="Tokens of passages for the chat model.", metavar="N"),
    ] = 3000,
    top_k: options.TopKOption = None,
    mode: retrieval_options.ModeOption = None,
    weight: retrieval_options.WeightOption = None,
    fusion: retrieval_options.FusionOption = None,
    candidates: retrieval_options.CandidatesOption = None,
    threshold: retrieval_options.ThresholdOption = None,
    keyword: retrieval_options.KeywordOption = None,
    where: retrieval_options.WhereOption = None,
    file: retrieval_options.FileOption = None,
    since: retrieval_options.SinceOption = None,
    until: retrieval_options.UntilOption = None,
    rerank: retrieval_options.RerankOption = None,
    mmr: retrieval_options.MmrOption = None,
    max_per_file: retrieval_options.MaxPerFileOption = None,
    no_fold: retrieval_options.NoFoldOption = False,
    context: retrieval_options.ContextOption = 0,
    merge: retrieval_options.MergeOption = False,
    archive: options.ArchiveOption = None,
    flows_file: options.FlowsFileOption = None,
    flow: options.FlowOption = None,
    fail_empty: Annotated[
        bool, typer.Option("--fail-empty", help="Exit with 3 when the passages hold no answer.")
    ] = False,
) -> None:
    """Answer a question in words, from your documents alone, with numbered sources.

    A chat model behind any OpenAI-compatible endpoint is given the passages that retrieve finds,
    and nothing else. Exit codes: 0 also when they hold no answer, 2 no chat model is set,
    5 the chat model failed.

    Example:  knowledge ask "How often do I rotate the key?" -d handbook --chat-model gpt-4o-mini
    """
    from knowledge.flows.answer import Overrides
    from knowledge.retrieval.refine.refinement import Refinement

    started = time.perf_counter()
    query = retrieval_options.question(query)
    flags = {"top_k": top_k, "rerank": rerank, "flows_file": flows_file, "flow": flow}
    with session.open(archive, chat_model=chat_model, **flags) as kb:
        asked = kb.query(
            query,
            named_datasets(kb, dataset),
            mode=mode,
            weight=weight,
            fusion=fusion,
            candidates=candidates,
            threshold=threshold,
            keywords=keyword or (),
            where=where,
            files=file or (),
            since=since,
            until=until,
        )
        refinement = Refinement(
            not no_fold, kb.settings["rerank"], mmr, max_per_file, context, merge, max_tokens
        )
        overrides = Overrides(top_k, mode, bool(dataset))
        answer = kb.ask_query(
            asked, refinement, overrides, _print_piece if session.on_terminal else None
        )
    _show(session, answer, asked, took=time.perf_counter() - started)
    if fail_empty and answer.text is None:
        raise typer.Exit(NotFoundError.exit_code)


def _print_piece(piece: str) -> None:
    write(piece)
    sys.stdout.flush()


def _show(session: Session, answer: Answer, query: Query, *, took: float) -> None:
    if session.json:
        session.print_json("knowledge.ask/1", _record(answer, query, took))
    elif answer.text is not None:
        # On a terminal the answer stands there already.
        write(("" if session.on_terminal else answer.text) + "\n")
        if answer.cited:
            write("\nSources:\n")
        for number in answer.cited:
            write(f"[{number}] {one_line(answer.hits[number - 1].citation)}\n")
    if answer.removed:
        numbers = ", ".join(map(str, answer.removed))
        session.note(f"removed citations of passages that do not exist: {numbers}")
    if answer.text is None:
        session.note("the passages hold no answer" if answer.hits else "no passages were found")
    elif not answer.cited:
        session.note("the answer names no passage: check it against `knowledge retrieve`")


def _record(answer: Answer, query: Query, took: float) -> dict[str, Any]:
    cited = [(number, answer.hits[number - 1]) for number in answer.cited]
    return {
        "query": query.text,
        "datasets": list(query.datasets),
        "model": answer.model or None,
        "answer": answer.text,
        "citations": [
            {
                "number": number,
                "citation": hit.citation,
                "dataset": hit.dataset,
                "file": hit.file,
                "chunk_id": hit.chunk.id,
            }
            for number, hit in cited
        ],
        "removed": list(answer.removed),
        "hits": [hit_record(hit) for hit in answer.hits],
        "took_ms": round(took * 1000),
    }
