"""Results as pictures."""

from __future__ import annotations

from pathlib import Path

from benchmarks.report import Result


def plot(result: Result, folder: Path) -> None:
    """Write ``NAME.png``: a bar a row for the first column of figures."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names, values = [], []
    labels = 2 if result.columns[1] == "search" else 1
    shown = result.columns.index("median, ms") if labels == 2 else _figures(result)
    for row in result.rows:
        names.append(", ".join(map(str, row[:labels])))
        values.append(float(str(row[shown]).split()[0].replace(",", "")))
    figure, axes = pyplot.subplots(figsize=(7, 1.5 + 0.4 * len(names)))
    axes.barh(names, values, color="#3b6ea5")
    axes.invert_yaxis()
    axes.set_xlabel(result.columns[shown])
    axes.set_title(result.name)
    figure.tight_layout()
    figure.savefig(folder / f"{result.name}.png", dpi=110)
    pyplot.close(figure)


def _figures(result: Result) -> int:
    return 2 if result.name == "memory" else 1
