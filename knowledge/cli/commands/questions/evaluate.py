"""``knowledge eval``."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from knowledge.cli.options.flags import Argument, Flag
from knowledge.cli.render.progress import count_bar
from knowledge.cli.render.tables import show_table
from knowledge.cli.render.terminal import write
from knowledge.cli.session import Session
from knowledge.errors import UsageError
from knowledge.knowledge_base.searching import WAY_OPTIONS
from knowledge.records import questions as records
from knowledge.requests import MODES, SearchRequest
from knowledge.text.wording import brief, counted

if TYPE_CHECKING:
    from knowledge.evaluation.evaluation import Evaluation, Run


# What ``--compare`` and ``--mode`` of ``eval`` ask for: ways to retrieve.

_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def ways(compare: Sequence[str], modes: str | None) -> list[dict[str, Any]]:
    """Return the options of each way: every ``--compare`` in every mode that it leaves open.

    Raises
    ------
    UsageError
        An option does not exist, or its value does not fit.
    """
    if modes is None and not compare:
        modes = "dense,keyword,hybrid"
    named = [name.strip() for name in (modes or "").split(",") if name.strip()]
    for name in named:
        if name not in MODES:
            raise UsageError(f"--mode takes some of {', '.join(MODES)}, not {name!r}")
    found: list[dict[str, Any]] = []
    for way in [_way(text) for text in compare] or [{}]:
        open_modes = [] if "mode" in way else named
        found += [{"mode": mode, **way} for mode in open_modes] or [way]
    return [way for number, way in enumerate(found) if way not in found[:number]]


def _way(text: str) -> dict[str, Any]:
    way: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not name or not value.strip():
            raise UsageError(
                f"--compare takes name=value, with commas between several, not {text!r}",
                hint="Example:  --compare mode=dense --compare mode=hybrid,weight=0.5",
            )
        way[name] = _value(name, value.strip())
    return way


def _value(name: str, text: str) -> Any:
    kinds = option_kinds()
    if name not in kinds:
        close = difflib.get_close_matches(name, kinds, n=1) or sorted(kinds)
        raise UsageError(
            f"--compare: there is no option {name!r}", hint=f"Choose {', '.join(close)}."
        )
    try:
        return kinds[name](text)
    except (ValueError, KeyError) as error:
        raise UsageError(f"--compare: {name} cannot be {text!r}") from error


def option_kinds() -> Mapping[str, Callable[[str], Any]]:
    """Return the options that may be compared, each with what makes a value of a text."""
    types = {one.name: str(one.type) for one in fields(SearchRequest)}
    return {"dataset": str, **{name: _kind(types[name]) for name in WAY_OPTIONS}}


def _kind(annotation: str) -> Callable[[str], Any]:
    """Return the reader of a parameter's annotation, which is a text as it stands in the source."""
    if "Sequence[str]" in annotation:
        return lambda text: [text]
    first = annotation.partition(" ")[0]
    readers: Mapping[str, Callable[[str], Any]] = {"float": float, "int": int, "bool": _bool}
    return readers.get(first, str)


def _bool(text: str) -> bool:
    return _TRUTH[text.lower()]


def evaluate(
    session: Session,
    dataset: Annotated[str, Argument(metavar="DATASET", help="The dataset to search.")],
    queries: Annotated[
        Path,
        Flag(
            "--queries",
            help='JSON lines: {"query", "file", "answer"}, or BEIR\'s {"_id", "text"}.',
            metavar="FILE",
        ),
    ],
    qrels: Annotated[
        Path | None,
        Flag(
            "--qrels",
            help="BEIR's or TREC's judgments; by default qrels/test.tsv beside BEIR's queries.",
            metavar="FILE",
        ),
    ] = None,
    k: Annotated[str, Flag("--k", help="Cut-off ranks.", metavar="LIST")] = "1,5,10",
    mode: Annotated[
        str | None,
        Flag(
            "--mode",
            help="Modes to run; without --compare the default is dense,keyword,hybrid.",
            metavar="LIST",
        ),
    ] = None,
    compare: Annotated[
        list[str] | None,
        Flag(
            "--compare",
            help="Options of one way to retrieve, such as mode=hybrid,weight=0.5; repeat it for "
            "each. All others are compared with the first.",
            metavar="KEY=VALUE,…",
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        Flag("--plot", help="Draw the results to a .png, .svg or .pdf file.", metavar="FILE"),
    ] = None,
    seed: Annotated[
        int, Flag("--seed", help="Seed of the significance test.", metavar="N", minimum=0)
    ] = 0,
) -> None:
    """Measure how well a dataset answers questions whose answers are known.

    Prints recall, precision, MRR, nDCG at k and the time of a question for each mode or each
    --compare, and which differences from the first one are significant.

    Example:  knowledge eval handbook --queries questions.jsonl --compare mode=dense --compare mode=hybrid,weight=0.5
    """  # noqa: E501  the example must stand on one line

    ks = _numbers(k)
    if plot is not None:
        from knowledge.evaluation.plotting import check_plot

        check_plot(plot)
    asked = ways(compare or [], mode)
    with session.open() as kb, count_bar(session, "questions") as progress:
        evaluation = kb.evaluate(
            dataset, queries, qrels=qrels, ways=asked, k=ks, seed=seed, progress=progress
        )
    if plot is not None:
        from knowledge.evaluation.plotting import plot as draw

        draw(evaluation, plot)
    _warn(session, evaluation)
    if session.json:
        session.print_json(records.evaluation(evaluation, str(queries)))
    else:
        _show(session, evaluation)


def _numbers(text: str) -> list[int]:
    try:
        return [int(number) for number in text.split(",")]
    except ValueError as error:
        raise UsageError(
            f"--k takes numbers with commas between them, not {brief(text)}"
        ) from error


def _warn(session: Session, evaluation: Evaluation) -> None:
    if evaluation.left_out:
        questions = counted(evaluation.left_out, "question")
        session.note(f"{questions} without a known answer left out")
    for run in evaluation.runs:
        if run.unmatched:
            session.note(
                f"{run.name}: in no file of dataset {run.dataset!r}: "
                f"{counted(len(run.unmatched), 'judged document')}, such as {run.unmatched[0]!r}"
            )
        if session.verbose and run.missed:
            session.note(f"{run.name} found nothing for: {', '.join(run.missed)}")


def _show(session: Session, evaluation: Evaluation) -> None:
    show_table(
        session,
        ("RUN", "K", "RECALL", "PRECISION", "MRR", "nDCG", "p50 ms", "p95 ms"),
        [_row(run, k) for run in evaluation.runs for k in evaluation.ks],
        right=range(1, 8),
    )
    deepest = max(evaluation.ks)
    shown = [one for one in evaluation.comparisons if one.k == deepest]
    if not shown:
        return
    write("\n")
    show_table(
        session,
        ("RUN", "AGAINST", "MEASURE", "DIFFERENCE", "P", "SIGNIFICANT"),
        [
            (
                one.run,
                one.against,
                f"{one.measure}@{one.k}",
                f"{one.difference:+.3f}",
                "<0.001" if one.p_value < 0.001 else f"{one.p_value:.3f}",
                "yes" if one.significant else "no",
            )
            for one in shown
        ],
        right=(3, 4),
    )


def _row(run: Run, k: int) -> Sequence[str]:
    means = [f"{run.mean(measure, k):.3f}" for measure in records.MEASURES]
    times = [f"{run.milliseconds(percent):.1f}" for percent in (50, 95)]
    return [run.name, str(k), *means, *times]
