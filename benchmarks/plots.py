"""Results as pictures."""

from __future__ import annotations

from pathlib import Path

from benchmarks.report import Result


def plot(result: Result, folder: Path) -> None:
    """Write ``NAME.png``: a bar a row for the first column of figures."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    if result.columns[1] == "search":
        _plot_growth(result, folder)
        return
    names, values = [], []
    shown = _figures(result)
    for row in result.rows:
        names.append(str(row[0]))
        values.append(float(str(row[shown]).split()[0].replace(",", "")))
    figure, axes = pyplot.subplots(figsize=(7, 1.5 + 0.4 * len(names)))
    axes.barh(names, values, color="#3b6ea5")
    axes.invert_yaxis()
    axes.set_xlabel(result.columns[shown])
    axes.set_title(result.name)
    figure.tight_layout()
    figure.savefig(folder / f"{result.name}.png", dpi=110)
    pyplot.close(figure)


def _plot_growth(result: Result, folder: Path) -> None:
    """Write how the median and the memory of each search grow with the chunks."""
    from matplotlib import pyplot

    figure, (times, memory) = pyplot.subplots(1, 2, figsize=(10, 4))
    for search in dict.fromkeys(row[1] for row in result.rows):
        rows = [row for row in result.rows if row[1] == search]
        sizes = [int(row[0].replace(",", "")) for row in rows]
        times.plot(sizes, [float(row[3]) for row in rows], marker="o", label=search)
        own = [sum(map(float, row[5].split(" + "))) for row in rows]
        memory.plot(sizes, own, marker="o", label=search)
    for axes, label in ((times, "median, ms"), (memory, "memory, MB")):
        axes.set(xscale="log", yscale="log", xlabel="chunks", ylabel=label)
        axes.grid(alpha=0.3)
    times.legend()
    figure.tight_layout()
    figure.savefig(folder / f"{result.name}.png", dpi=110)
    pyplot.close(figure)


def _figures(result: Result) -> int:
    return 2 if result.name == "memory" else 1
