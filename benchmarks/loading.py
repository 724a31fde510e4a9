"""How fast files are read and cut, with one worker process and with all cores.

    python -m benchmarks.loading [FOLDER…] [--files 200] [--pages 20] [--runs 3]

Without a folder, files are made: PDF, DOCX, HTML and a mixture. Each is read by whole
``knowledge ingest --dry-run`` processes, which load and cut but embed nothing, and PDF also by
pypdf alone, in turn. Prints the median pages a second, the ratios, and the peak of the summed
resident memory of all processes (pages that processes share count more than once).
"""

from __future__ import annotations

import argparse
import io
import os
import random
import statistics
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from benchmarks.processes import Run, run
from tests.documents.makers import docx, pdf

WORDS = (
    "river stone copper signal harbour ledger window engine meadow charter lantern orbit".split()
)
PYPDF = """
import sys, pathlib, pypdf
print(sum(len([p.extract_text() for p in pypdf.PdfReader(f).pages])
          for f in sorted(pathlib.Path(sys.argv[1]).rglob("*.pdf"))))
"""


def main() -> None:
    """Run the benchmark as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--pages", type=int, default=20)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    cores = os.cpu_count() or 1
    print(f"| folder | files | pages | 1 worker | {cores} workers | ratio | pypdf alone | peak |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as made:
        folders = options.folders or make(Path(made), options.files, options.pages)
        for folder in folders:
            measure(folder, options.pages, options.runs, cores)


def measure(folder: Path, pages: int, runs: int, cores: int) -> None:
    """Print one row of the table."""
    done: dict[str, list[Run]] = defaultdict(list)
    files = [path for path in folder.rglob("*") if path.is_file()]
    for _ in range(runs):  # in turn, so that noise hits all alike
        done["one"].append(dry_run(folder, 1))
        done["all"].append(dry_run(folder, cores))
        if any(path.suffix == ".pdf" for path in files):
            done["pypdf"].append(run([sys.executable, "-c", PYPDF, str(folder)]))
    seconds = {name: statistics.median(one.seconds for one in all_) for name, all_ in done.items()}
    total = len(files) * pages
    beside = "-"
    if "pypdf" in done:
        beside = f"{int(done['pypdf'][0].output) / seconds['pypdf']:,.0f}/s"
    peak = max(one.peak for one in done["all"]) / 1e6
    print(
        f"| {folder.name} | {len(files)} | {total:,} | {total / seconds['one']:,.0f}/s "
        f"| {total / seconds['all']:,.0f}/s | {seconds['one'] / seconds['all']:.2f} "
        f"| {beside} | {peak:.0f} MB |",
        flush=True,
    )


def dry_run(folder: Path, workers: int) -> Run:
    """Load and cut a folder in a process of its own."""
    with tempfile.TemporaryDirectory() as data:
        environment = {**os.environ, "KNOW_DATA_DIR": data, "KNOW_INGEST_CONCURRENCY": str(workers)}
        command = [sys.executable, "-m", "knowledge", "ingest", "--dry-run", "--quiet", str(folder)]
        return run(command, environment)


def make(folder: Path, files: int, pages: int) -> list[Path]:
    """Write the folders of files."""
    source = random.Random(1)
    kinds = {"pdf": a_pdf, "docx": a_docx, "html": a_page}
    made = []
    for kind, maker in kinds.items():
        target = folder / kind
        target.mkdir()
        for number in range(files):
            (target / f"{number:04}.{kind}").write_bytes(maker(source, pages))
        made.append(target)
    mixed = folder / "mixed"
    mixed.mkdir()
    for number in range(files):
        kind = list(kinds)[number % 3]
        (mixed / f"{number:04}.{kind}").write_bytes(kinds[kind](source, pages))
    return [*made, mixed]


def a_pdf(source: random.Random, pages: int) -> bytes:
    """A PDF of ``pages`` pages with 40 lines each."""
    return pdf(*("\n".join(sentence(source) for _ in range(40)) for _ in range(pages)))


def a_docx(source: random.Random, pages: int) -> bytes:
    """A Word document of about as much text."""

    def fill(document: object) -> None:
        for page in range(pages):
            document.add_heading(f"Chapter {page}", 1)  # type: ignore[attr-defined]
            for _ in range(8):
                paragraph = " ".join(sentence(source) for _ in range(5))
                document.add_paragraph(paragraph)  # type: ignore[attr-defined]

    return docx(fill)


def a_page(source: random.Random, pages: int) -> bytes:
    """A web page of about as much text."""
    out = io.StringIO()
    out.write("<html><head><title>A page</title></head><body><nav>Home About</nav><main>")
    for page in range(pages):
        out.write(f"<h2>Chapter {page}</h2>")
        for _ in range(8):
            out.write(f"<p>{' '.join(sentence(source) for _ in range(5))}</p>")
    out.write("</main></body></html>")
    return out.getvalue().encode()


def sentence(source: random.Random) -> str:
    """Return a line of eleven words."""
    return " ".join(source.choices(WORDS, k=11)).capitalize() + "."


if __name__ == "__main__":
    main()
