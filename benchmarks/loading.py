"""How fast files are read and cut, with one worker process and with all cores.

    python -m benchmarks.loading [FOLDER…] [--files 200] [--pages 20] [--runs 3]
    python -m benchmarks.loading --before CHECKOUT [--runs 15] [--only a.pdf]

Without a folder, files are made: PDF, DOCX, HTML and a mixture. Each is read by whole
``knowledge ingest --dry-run`` processes, which load and cut but embed nothing, and PDF also by
pypdf alone, in turn. Prints the median pages a second, the ratios, and the peak of the summed
resident memory of all processes (pages that processes share count more than once).

With another checkout of the program, one file of each kind is read and cut by it and by this one in
turn, so that noise affects both alike: two processes that go on, the CPU time of each file, and how
many times as long this one takes.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.processes import Run, run
from tests.documents.mail_makers import mail
from tests.documents.makers import docx, pdf
from tests.documents.makers_office import epub, odf, pptx, xls, xlsx

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
    parser.add_argument("--before", type=Path)
    parser.add_argument("--only", nargs="*", default=[])
    options = parser.parse_args()
    if options.before:
        compare(options.before, options.runs, options.only)
        return
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


READER = """
import sys, time
from pathlib import Path
from knowledge.documents.loading import load
from knowledge.model import SplitterSpec
try:
    from knowledge.documents.splitting.splitting import split
except ImportError:  # where it stood once
    from knowledge.documents.splitting import split
for line in sys.stdin:
    path = Path(line.strip())
    data, start = path.read_bytes(), time.process_time()
    count = sum(len(split(one, SplitterSpec())) for one in load(data, path.name).documents)
    assert count
    print(time.process_time() - start, flush=True)
"""
"""Reads and cuts the files whose paths it is given; tells the CPU seconds of each."""


def compare(before: Path, runs: int, only: Sequence[str] = ()) -> None:
    """Print for each kind of file how long another checkout takes, and this one."""
    trees = {"before": before, "after": Path(__file__).resolve().parents[1]}
    print("| kind | before | after | after / before |\n|---|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as made, ExitStack() as stack:
        readers = {
            name: stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", READER],
                    env={**os.environ, "PYTHONPATH": str(tree.resolve())},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    cwd=made,
                )
            )
            for name, tree in trees.items()
        }
        for name, data in samples(random.Random(1)).items():
            if only and name not in only:
                continue
            path = Path(made) / name
            path.write_bytes(data)
            took: dict[str, list[float]] = defaultdict(list)
            for turn in range(runs + 1):
                for which in (*readers,) if turn % 2 else (*reversed(readers),):
                    seconds = asked(readers[which], path)
                    if turn:  # the first time is that of imports
                        took[which].append(seconds)
            pairs = zip(took["after"], took["before"], strict=True)
            ratio = statistics.median(after / one for after, one in pairs)
            first, last = (1000 * statistics.median(took[which]) for which in trees)
            print(f"| {name} | {first:.1f} ms | {last:.1f} ms | {ratio:.2f} |", flush=True)
        for reader in readers.values():
            reader.stdin.close()  # type: ignore[union-attr]


def asked(reader: subprocess.Popen[str], path: Path) -> float:
    """Let a reader read a file; return the CPU seconds that it took."""
    assert reader.stdin is not None
    assert reader.stdout is not None
    reader.stdin.write(f"{path}\n")
    reader.stdin.flush()
    return float(reader.stdout.readline())


def samples(source: random.Random) -> dict[str, bytes]:
    """Return a file of each kind, by names."""

    def lines(number: int, form: Callable[[str], str] = str) -> str:
        return "\n".join(form(sentence(source)) for _ in range(number))

    rows = [sentence(source).split() for _ in range(600)]
    page = a_page(source, 10)
    html = page.decode()
    span = "<text:span text:style-name='T1'>{} </text:span>"
    spans = "".join(f"<text:p>{''.join(map(span.format, row))}</text:p>" for row in rows)
    markdown = "".join(f"## Part {n}\n\n{lines(9)}\n\n" for n in range(60))
    return {
        "a.pdf": a_pdf(source, 10),
        "a.docx": a_docx(source, 20),
        "a.odt": odf("text", f"<text:p>{lines(40)}</text:p>" * 10),
        "spans.odt": odf("text", spans),
        "a.html": page,
        "a.epub": epub((html, html), ("One", "Two"), ""),
        "a.pptx": pptx(lambda book: _slides(book, source)),
        "a.xlsx": xlsx(lambda book: [book.active.append(row) for row in rows]),
        "a.xls": xls(Rows=rows),
        "a.ods": odf("spreadsheet", f'<table:table table:name="S">{_ods_rows(rows)}</table:table>'),
        "a.rtf": ("{\\rtf1\\ansi " + lines(400, lambda line: f"{line}\\par") + "}").encode(),
        "a.eml": mail(body=lines(400)).as_bytes(),
        "a.md": markdown.encode(),
        "tables.md": ("| a | b |\n|---|---|\n" + lines(600, lambda s: f"| {s} | x |")).encode(),
        "a.rst": markdown.replace("## ", "").encode(),
        "a.tex": lines(600).encode(),
        "a.txt": lines(800).encode(),
        "latin.txt": lines(400, lambda line: f"{line} Grüße, Élan").encode("cp1252"),
        "a.csv": "\n".join(",".join(row) for row in rows).encode(),
        "a.json": (
            "[" + ",\n".join(f'{{"text": "{" ".join(row)}"}}' for row in rows) + "]"
        ).encode(),
        "a.xml": (
            "<doc><title>A</title>" + lines(400, lambda s: f"<p>{s}</p>") + "</doc>"
        ).encode(),
        "a.py": lines(300, lambda s: f"def {s.split()[0].lower()}():\n    return {s!r}\n").encode(),
    }


def _slides(book: Any, source: random.Random) -> None:
    for _ in range(20):
        slide = book.slides.add_slide(book.slide_layouts[1])
        slide.shapes.title.text = sentence(source)
        slide.placeholders[1].text = "\n".join(sentence(source) for _ in range(8))


def _ods_rows(rows: list[list[str]]) -> str:
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    each = ("".join(map(cell.format, row)) for row in rows)
    return "".join(f"<table:table-row>{row}</table:table-row>" for row in each)


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
