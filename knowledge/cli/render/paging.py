"""A pager for output that is longer than the screen, as git and man do it."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TextIO, cast

from knowledge.cli.render.streams import CleanStream, uncleaned

if TYPE_CHECKING:
    import subprocess

_SEQUENCE = r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
_LESS = "FRX"
"""Options of ``less``, unless ``LESS`` is set: end at once if all fits, pass colours, clear
nothing."""


def pager_command() -> list[str]:
    """Return the pager that ``PAGER`` names, else ``less`` where it is; empty for none."""
    import shlex
    import shutil

    named = os.environ.get("PAGER")
    if named is None:
        named = "less" if shutil.which("less") else ""
    words = shlex.split(named)
    return [] if not words or words == ["cat"] or os.environ.get("TERM") == "dumb" else words


@contextlib.contextmanager
def paged(*, wanted: bool) -> Iterator[None]:
    """Page what is written to stdout meanwhile, once it is longer than the screen."""
    command = pager_command() if wanted and sys.stdout.isatty() and sys.stdin.isatty() else []
    if not command:
        yield
        return
    before = sys.stdout
    stream = _PagedStream(cast(TextIO, uncleaned(before)), command)
    sys.stdout = cast(TextIO, CleanStream(cast(TextIO, stream)))
    try:
        yield
    finally:
        sys.stdout = before
        stream.finish()


def show_held() -> None:
    """Show what was written so far and is held back, before something else is said on stderr."""
    stream = uncleaned(sys.stdout)
    if isinstance(stream, _PagedStream):
        stream.release()


class _PagedStream:
    """Holds text back until it is longer than the screen, then hands all of it to a pager."""

    def __init__(self, terminal: TextIO, command: list[str]) -> None:
        import shutil

        self._terminal = terminal
        self._command = command
        self._held: list[str] | None = []
        self._pager: subprocess.Popen[str] | None = None
        self._rows = 0
        self._width, self._height = shutil.get_terminal_size()

    def write(self, text: str) -> int:
        """Write text."""
        if self._held is None:
            self._write(text)
            return len(text)
        self._held.append(text)
        self._rows += text.count("\n")
        if max(map(len, text.split("\n"))) > self._width:  # the terminal will wrap it
            lines = re.sub(_SEQUENCE, "", text).split("\n")
            self._rows += sum(max(0, len(line) - 1) // self._width for line in lines)
        if self._rows >= self._height:
            self._start()
        return len(text)

    def release(self) -> None:
        """Write what is held back, and what comes from now on, to the terminal."""
        if self._held:
            held, self._held = self._held, None
            self._write("".join(held))
            self._terminal.flush()

    def finish(self) -> None:
        """Write what is held back, or wait until the reader has read."""
        self.release()
        if self._pager is None:
            return
        with contextlib.suppress(BrokenPipeError):
            assert self._pager.stdin is not None
            self._pager.stdin.close()
        while True:
            try:
                self._pager.wait()
                return
            except KeyboardInterrupt:
                continue  # it is the pager's, which shares the terminal

    def _start(self) -> None:
        import subprocess

        environment = {"LESS": _LESS, **os.environ}
        with contextlib.suppress(OSError):  # there is no such program
            self._pager = subprocess.Popen(  # noqa: S603  the own pager of the user
                self._command, stdin=subprocess.PIPE, text=True, encoding="utf-8", env=environment
            )
        self.release()

    def _write(self, text: str) -> None:
        if self._pager is None or self._pager.stdin is None:
            self._terminal.write(text)
            return
        with contextlib.suppress(BrokenPipeError):  # whoever reads has seen enough
            self._pager.stdin.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._terminal, name)
