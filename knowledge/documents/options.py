"""What the user says about how files are read."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.documents.formats import FORMATS
from knowledge.errors import UsageError
from knowledge.files.private import OTHERS

if TYPE_CHECKING:
    from knowledge.settings.reading import Settings

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class RowOptions:
    """How delimited text is read.

    Parameters
    ----------
    separator:
        The sign between fields; empty is what the text seems to have.
    columns:
        Those that are kept, in this order; none is all.
    """

    separator: str = ""
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotebookOptions:
    """What is taken of a notebook beside its cells.

    Parameters
    ----------
    outputs:
        Take the outputs of code.
    traceback:
        Take the traceback of an error, not only its message.
    max_output:
        Most characters of an output; 0 is no limit.
    """

    outputs: bool = True
    traceback: bool = False
    max_output: int = 0


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How files are read; sent to the worker processes, so it holds plain values only.

    Parameters
    ----------
    max_text:
        Most bytes of text that one file may give; ``None`` is no limit.
    engines:
        The engine that reads a format, such as ``{"pdf": "pypdf"}``, where the user chose one;
        ``*`` stands for every format that the engine can read.
    html:
        ``main`` leaves out navigation, banners and footers; ``full`` keeps the whole page.
    ocr:
        ``off``; ``auto``: pages and images without text; ``always``.
    passwords:
        Tried in order on protected files.
    max_unpacked:
        Most bytes that the members of one container may unpack to, at all levels together.
    skip:
        Members not to be read, by their paths in the file, each with the reason.
    pages:
        First page of a PDF, and how many at most; 0 is all.
    rows, notebook:
        How delimited text and notebooks are read, where the user says so.
    """

    max_text: int | None = None
    engines: Mapping[str, str] = field(default_factory=dict)
    html: str = "main"
    ocr: str = "auto"
    passwords: tuple[str, ...] = field(default=(), repr=False)
    max_unpacked: int = 1024 * MIB
    skip: Mapping[str, str] = field(default_factory=dict)
    pages: tuple[int, int] = (1, 0)
    rows: RowOptions | None = None
    notebook: NotebookOptions | None = None

    @classmethod
    def from_settings(cls, settings: Settings, passwords: Sequence[str] = ()) -> LoadOptions:
        """Return what the settings say; ``passwords`` are tried before those of their file.

        Raises
        ------
        UsageError
            The setting ``loader`` can't be understood, or the file of passwords can't be read.
        """
        return cls(
            max_text=settings["max_text_size"] * MIB,
            engines=_engines(settings["loader"]),
            html=settings["html"],
            ocr=settings["ocr"],
            passwords=(*passwords, *_passwords(settings["passwords_file"])),
            max_unpacked=settings["max_unpacked_size"] * MIB,
        )


def _engines(text: str) -> dict[str, str]:
    """Parse ``pdf=pypdf,docx=kreuzberg``, or the name of one engine for what it can read."""
    chosen = {}
    for item in text.replace(",", " ").split():
        format_, equals, engine = item.rpartition("=")
        chosen[format_.lower() if equals else "*"] = engine.lower()
    return _checked(chosen)


def _checked(chosen: Mapping[str, str]) -> dict[str, str]:
    """Return ``chosen``, format to engine, with ``*`` spread over the formats it stands for.

    Raises
    ------
    UsageError
        No such format or engine, or the engine can't read the format.
    """
    choices = {row.name: row.engines for row in FORMATS if row.engines}
    engines: dict[str, str] = {}
    for format_, engine in sorted(chosen.items()):  # * sorts first, so that named formats win
        able = [name for name, known in choices.items() if engine in known]
        if not able or format_ not in ("*", *able):
            listed = "; ".join(f"{name}: {', '.join(known)}" for name, known in choices.items())
            raise UsageError(
                f"`loader`: no engine {engine!r}"
                + (f" for the format {format_!r}" if format_ != "*" else ""),
                hint=f"Formats with a choice are {listed}. Example: `loader` pdf=pypdf",
            )
        engines.update(dict.fromkeys(able if format_ == "*" else [format_], engine))
    return engines


def passwords_warning(settings: Settings) -> str:
    """Return what is wrong with the rights to the file of passwords; empty where nothing is."""
    path = settings["passwords_file"]
    if not path or os.name == "nt":
        return ""
    try:
        mode = Path(path).expanduser().stat().st_mode
    except OSError:
        return ""  # reading it reports the error
    if not mode & OTHERS:
        return ""
    return f"others can get at the file of passwords {path}: chmod 600 makes it yours alone"


def _passwords(path: str) -> list[str]:
    if not path:
        return []
    try:
        lines = Path(path).expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"can't read the file of passwords {path}: {error}",
            hint="KNOW_PASSWORDS_FILE names a UTF-8 file with one password on each line.",
        ) from error
    return [line for line in lines if line]
