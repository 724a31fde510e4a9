"""A picture of an evaluation."""

from __future__ import annotations

from pathlib import Path

from knowledge.errors import UsageError
from knowledge.evaluation.evaluation import Evaluation
from knowledge.extras import install_command

TITLES = {"recall": "Recall", "precision": "Precision", "mrr": "MRR", "ndcg": "nDCG"}
_DOTS_PER_INCH = 150


def check_plot(path: Path) -> None:
    """Raise what :func:`plot` would, before any time is spent on questions.

    Raises
    ------
    UsageError
        matplotlib is not installed, or draws no such file.
    """
    try:
        from matplotlib.backend_bases import FigureCanvasBase
    except ImportError as error:
        raise UsageError(
            "`plot` needs matplotlib, which is not installed",
            hint=f"Install it: {install_command('eval')}",
        ) from error
    kinds = FigureCanvasBase.get_supported_filetypes()
    if path.suffix.lower().removeprefix(".") not in kinds:
        raise UsageError(
            f"`plot`: {path.name!r} is not the name of a picture",
            hint=f"Its name may end in {', '.join(kinds)}.",
        )
    if not path.parent.is_dir():
        raise UsageError(f"`plot`: there is no folder {path.parent}")


def plot(evaluation: Evaluation, path: Path) -> None:
    """Draw each measure over k, a line for each run; the file's name says which format.

    Raises
    ------
    UsageError
        As :func:`check_plot`.
    """
    check_plot(path)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 7), layout="constrained")
    for axes, (measure, title) in zip(figure.subplots(2, 2).flat, TITLES.items(), strict=True):
        for run in evaluation.runs:
            means = [run.mean(measure, k) for k in evaluation.ks]
            axes.plot(evaluation.ks, means, marker="o", label=run.name)
        axes.set_title(title)
        axes.set_xlabel("k")
        axes.set_xticks(evaluation.ks)
        axes.set_ylim(0, 1)
        axes.grid(alpha=0.3)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)))
    figure.savefig(path, dpi=_DOTS_PER_INCH)
