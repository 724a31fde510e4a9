"""Where the commands of a page run: a home with the sample documents in ``docs``.

The folder ``testdata`` is there too, for pages that speak of a clone.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import ROOT, forget_consoles

SHELL = re.compile(r"[|&;<>$`*?(){}!#~=]|\\$")
"""What makes a line more than words; quotes are taken care of."""
HOME = "/home/ana"
"""Where the pages say that they are."""


class Sandbox:
    """A folder to run command lines in.

    Parameters
    ----------
    folder:
        Becomes the home and the working directory.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(ROOT / "testdata", folder / "testdata")
        shutil.copytree(ROOT / "testdata" / "documents", folder / "docs")
        programs = folder / ".programs"
        programs.mkdir()
        script = programs / "knowledge"
        script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m knowledge "$@"\n')
        script.chmod(0o755)
        self.path = f"{programs}{os.pathsep}{os.environ['PATH']}"

    def run(self, text: str) -> tuple[int, str]:
        """Run lines; return the exit code of the last one, and all they print, as on a terminal."""
        printed = ""
        code = 0
        if not all(map(is_plain, text.splitlines())):
            code, printed = self._in_shell(text)
        else:
            for line in text.splitlines():
                words = shlex.split(line, comments=True)
                if words and code == 0:
                    code, more = _in_this_process(words[1:])
                    printed += more
        return code, printed.replace(str(self.folder), HOME)

    def _in_shell(self, text: str) -> tuple[int, str]:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.folder,
            env={**os.environ, "PATH": self.path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout.decode()


def is_plain(line: str) -> bool:
    """Return whether a line is a command of ours without anything for a shell, or nothing."""
    bare = re.sub(r"'[^']*'|\"[^\"$`\\]*\"", "''", line)
    bare = re.sub(r"(^|\s)#.*", "", bare).strip()
    bare = re.sub(r"(?<=[\w-])=", "", bare) if bare.startswith("knowledge ") else bare
    return not bare or (bare.startswith("knowledge ") and not SHELL.search(bare))


def commands_in(text: str) -> Iterator[list[str]]:
    """Yield the words of each of our commands in a block, without the program's name."""
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    for line in lines:
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if not set(word) <= set("();<>|&"):
                words.append(word)
                continue
            while words and (re.match(r"\w+=", words[0]) or words[0] in ("do", "then", "if", "$")):
                words.pop(0)
            if words and Path(words[0]).name == "knowledge":
                yield words[1:]
            words = []


def parse(words: list[str]) -> None:
    """Parse a command's words as a call would; raises what a wrong flag raises."""
    import typer

    from knowledge.cli.app import app

    command = typer.main.get_command(app)
    context = command.make_context("knowledge", list(words))
    while hasattr(command, "resolve_command"):
        _, command, words = command.resolve_command(context, words)
        command = getattr(command, "real", command)
        if hasattr(command, "resolve_command"):
            context = command.make_context(command.name, list(words), parent=context)
        else:
            command.make_context(command.name, list(words), parent=context)


def _in_this_process(words: list[str]) -> tuple[int, str]:
    """Run one command; both its streams go to one place, in order."""
    from knowledge.cli.render import terminal
    from knowledge.cli.run import main

    both = io.BytesIO()
    stream = io.TextIOWrapper(both, encoding="utf-8", write_through=True)
    handler = signal.getsignal(signal.SIGTERM)
    forget_consoles(terminal)
    try:
        with (
            contextlib.redirect_stdout(stream),
            contextlib.redirect_stderr(stream),
            _empty_stdin(),
        ):
            code = main(words)
    finally:
        signal.signal(signal.SIGTERM, handler)
        forget_consoles(terminal)
    stream.flush()
    return code, both.getvalue().decode()


@contextlib.contextmanager
def _empty_stdin() -> Iterator[None]:
    before = sys.stdin
    sys.stdin = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    try:
        yield
    finally:
        sys.stdin = before
