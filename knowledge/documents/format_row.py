"""What the table of formats says of each: names, how its bytes look, what reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum


@dataclass(frozen=True, slots=True)
class Kind:
    """How bytes tell what kind of file they are.

    Parameters
    ----------
    name:
        As messages have it, such as "PNG image".
    magic, at:
        What stands at byte ``at``; one of these.
    riff:
        The type of a RIFF file.
    zip_part:
        How the name of a part begins that only this kind of ZIP archive has.
    zip_type:
        What the part ``mimetype`` of a ZIP archive holds.
    streams:
        What an OLE file of Office 97 to 2003 holds; one of these.
    """

    name: str
    magic: tuple[bytes, ...] = ()
    at: int = 0
    riff: bytes = b""
    zip_part: str = ""
    zip_type: bytes = b""
    streams: tuple[str, ...] = ()

    @property
    def is_package(self) -> bool:
        """Whether its parts tell it from other ZIP archives or OLE files."""
        return bool(self.zip_part or self.zip_type or self.streams)


class Content(IntEnum):
    """What the files of a format hold; each kind is one of the kind before it, too."""

    BINARY = 0
    TEXT = 1
    """Text: a binary file of such a name is damaged, not of another format."""
    VERBATIM = 2
    """The text that is shown, so its size is known before it is read."""
    INLINE = 3
    """Small files are read in the main process: no native engine, nothing that grows."""


@dataclass(frozen=True, slots=True)
class Format:
    """A format that a loader reads.

    Parameters
    ----------
    name:
        As options, flows and the catalog have it.
    title, engine, cites, lost:
        For docs/formats.md: what people call it, what reads it, what a citation names beside the
        file, and what is lost.
    loader:
        The module below `knowledge.documents.loaders`.
    extensions:
        In lower case, without dots, separated by spaces.
    file_names:
        Whole names of files, in lower case, separated by spaces.
    media_types:
        Of all its files; the usual one first.
    media_types_of:
        Of files with these extensions instead.
    kinds:
        How its bytes tell it.
    begins:
        How the text of a file begins that has no telling name; one of these.
    content:
        What its files hold.
    container:
        All that it holds is files, read by what they are.
    newer:
        The format of a protected file that has its older extension.
    text_instead:
        What a text is read as that has the name of this format.
    engines:
        Those that a user may choose from, the first one first; empty where there is one.
    extra:
        The optional dependency that reads it.
    """

    name: str
    title: str
    loader: str
    extensions: str = ""
    file_names: str = ""
    media_types: tuple[str, ...] = ()
    media_types_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kinds: tuple[Kind, ...] = ()
    begins: tuple[bytes, ...] = ()
    content: Content = Content.BINARY
    container: bool = False
    newer: str = ""
    text_instead: str = ""
    engines: tuple[str, ...] = ()
    extra: str = ""
    engine: str = "own"
    cites: str = "lines"
    lost: str = "nothing"

    @property
    def is_zip_package(self) -> bool:
        """Whether it is a ZIP archive of parts."""
        return any(kind.zip_part or kind.zip_type for kind in self.kinds)
