"""Draw the picture that the README opens with: a real run, as a person sees it.

    python -m tests.docs.first_run_picture

The commands run on a pseudo-terminal in a fresh home; an emulator (pyte) makes the screen of what
they write, and rich draws it.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from knowledge.settings.reading import TABLE

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "docs" / "images" / "first-run.svg"
WIDTH, HEIGHT = 106, 60
TIMEOUT = 60.0
"""Seconds for one command."""

COMMANDS = (
    ("ingest", "docs"),
    ("retrieve", "How do I rotate the signing key?", "-k", "2"),
    ("ingest", "docs"),
)
COLOURS = {"brown": "yellow", "brightbrown": "bright_yellow"}
"""What the emulator calls other than rich does."""


def main() -> None:
    """Write the picture."""
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(svg_of(list(screen_lines())), encoding="utf-8")
    print(PICTURE)


def screen_lines() -> Iterator[Any]:
    """Run the commands; yield the screen's lines, as rich's ``Text``."""
    from rich.text import Text

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        shutil.copytree(ROOT / "testdata" / "documents", home / "docs")
        for number, arguments in enumerate(COMMANDS):
            if number:
                yield Text()
            shown = (f'"{word}"' if " " in word else word for word in arguments)
            yield Text.assemble(("$ ", "dim"), ("knowledge " + " ".join(shown), "bold"))
            yield from _without_blank_end(_run(arguments, home))


def text_of_picture(svg: str) -> list[str]:
    """Return the lines that a picture shows."""
    lines: dict[float, str] = {}
    for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"):
        if "-line-" in element.get("clip-path", ""):
            row = float(element.get("y", "0"))
            column = round(float(element.get("x", "0")) / 12.2)
            line = lines.get(row, "")
            lines[row] = line.ljust(column) + (element.text or "").replace("\xa0", " ")
    return [line.rstrip() for _, line in sorted(lines.items()) if line.strip()]


def without_times(line: str) -> str:
    """Return a line in which each duration is the same."""
    return re.sub(r"\b\d+(\.\d+)? (ms|s)\b", "0.0 s", line)


def svg_of(lines: list[Any]) -> str:
    """Draw lines of rich's ``Text``."""
    from rich.console import Console

    console = Console(record=True, width=WIDTH, file=open(os.devnull, "w"))  # noqa: SIM115
    with console.file:
        for line in lines:
            console.print(line, no_wrap=True, overflow="crop", crop=True)
        svg = console.export_svg(title="knowledge", unique_id="first-run")
    # Fonts are not fetched: the reader's own monospace font will do.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def _run(arguments: tuple[str, ...], home: Path) -> Iterator[Any]:
    """Run one command on a terminal of its own; yield the lines of its screen."""
    import pyte

    screen = pyte.Screen(WIDTH, HEIGHT)
    stream = pyte.ByteStream(screen)
    stream.feed(_written([sys.executable, "-m", "knowledge", *arguments], home))
    for row in range(HEIGHT):
        yield _line_of(screen.buffer[row])


def _written(command: list[str], home: Path) -> bytes:
    """Return all that a command writes to its terminal."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
    environment = _environment(home)
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=home, env=environment
    )
    os.close(theirs)
    pieces = []
    try:
        while select.select([ours], [], [], TIMEOUT)[0]:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # Linux says so at the end of a pseudo-terminal
                break
            if not piece:
                break
            pieces.append(piece)
        if process.wait(TIMEOUT) != 0:
            raise RuntimeError(f"{command} ended with {process.returncode}")
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return b"".join(pieces)


def _environment(home: Path) -> dict[str, str]:
    """Return an environment without settings, of a common terminal."""
    ours = {variable for setting in TABLE for variable in setting.variables}
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ours and name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES")
    }
    terminal = {"TERM": "xterm-256color", "COLORTERM": "", "LANG": "C.UTF-8"}
    return {**kept, **terminal, "HOME": str(home), "KNOW_DATA_DIR": str(home / "data")}


def _line_of(cells: Mapping[int, Any]) -> Any:
    """Return one line of the screen with its colours."""
    from rich.text import Text

    line = Text()
    for column in range(WIDTH):
        cell = cells[column]
        colour = COLOURS.get(cell.fg, cell.fg)
        if len(colour) == 6 and all(digit in "0123456789abcdef" for digit in colour):
            colour = "#" + colour
        parts = [name for name in ("bold", "italics", "underscore") if getattr(cell, name)]
        styles = [
            {"italics": "italic", "underscore": "underline"}.get(part, part) for part in parts
        ]
        line.append(cell.data, " ".join([*styles, "" if colour == "default" else colour]).strip())
    line.rstrip()
    return line


def _without_blank_end(lines: Iterator[Any]) -> list[Any]:
    """Return lines up to the last one that shows something."""
    all_lines = list(lines)
    while all_lines and not all_lines[-1].plain.strip():
        all_lines.pop()
    return all_lines


if __name__ == "__main__":
    main()
