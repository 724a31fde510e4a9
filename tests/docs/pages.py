"""The blocks of commands on the pages, and what a page says of them in comments.

    <!-- given: knowledge ingest ./docs -d handbook -->     run before the next block, unseen
    <!-- needs: network -->                                 what the next block needs

With ``needs: openai`` or ``needs: chat`` a block is run against a server on the loopback address.
Other needs (a network, a key, a terminal, time) can't be had: of such a block each command is
parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LANGUAGES = ("sh", "bash", "console")
ALL_NEED = {"providers.md": "keys"}
"""Pages whose every block needs something."""

_PART = re.compile(
    r"^<!-- (?P<said>given|needs): (?P<what>.+?) -->$"
    r"|^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """One block of commands.

    Parameters
    ----------
    line:
        Its first line on the page, from 1.
    needs:
        As the page says; empty for a block that is run as it is.
    given:
        Command lines to run before.
    """

    page: str
    line: int
    language: str
    text: str
    needs: str = ""
    given: tuple[str, ...] = ()

    @property
    def steps(self) -> list[tuple[str, list[str]]]:
        """Its commands in order, each with the output that the page shows for it."""
        if self.language != "console":
            return [(self.text, [])]
        found: list[tuple[str, list[str]]] = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif found[-1][0].endswith("\\"):
                found[-1] = (found[-1][0] + "\n" + line, [])
            else:
                found[-1][1].append(line)
        return found


def blocks_of(path: Path) -> Iterator[Block]:
    """Yield the blocks of commands of a page."""
    page = path.read_text(encoding="utf-8")
    given: list[str] = []
    needs = ""
    for part in _PART.finditer(page):
        if part["said"] == "given":
            given.append(part["what"])
        elif part["said"] == "needs":
            needs = part["what"]
        else:
            if part["language"] in LANGUAGES:
                line = page.count("\n", 0, part.start("text")) + 1
                wanted = needs or ALL_NEED.get(path.name, "")
                yield Block(path.name, line, part["language"], part["text"], wanted, tuple(given))
                given = []
            needs = ""
