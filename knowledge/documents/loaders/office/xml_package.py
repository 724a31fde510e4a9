"""Office files as packages of XML parts: what the loaders of OOXML, OpenDocument and EPUB share."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from knowledge.documents.loaders.archives.zip_bounds import check_office_zip
from knowledge.errors import DocumentError

_HEAD = 4_096
"""Bytes of a part in which its namespaces are named."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A link from one part of an OOXML package to another; ``kind`` is the end of its type."""

    kind: str
    target: str
    external: bool


class Package:
    """The parts of a ZIP-based document; their names are looked up without regard to case.

    Raises
    ------
    DocumentError
        It is no ZIP archive, or it would unpack to more than memory.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.members = check_office_zip(data)
        self._archive = zipfile.ZipFile(io.BytesIO(data))
        self._names = {_key(member.filename): member for member in self.members}

    def __contains__(self, name: str) -> bool:
        return _key(name) in self._names

    def names(self) -> Iterator[str]:
        """Yield the names of all parts, in lower case."""
        yield from self._names

    def read(self, name: str) -> bytes | None:
        """Return a part; ``None`` where it is missing or damaged."""
        member = self._names.get(_key(name))
        if member is None:
            return None
        try:
            return self._archive.read(member)
        except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, ValueError, OSError):
            return None

    def tree(self, name: str) -> Any | None:
        """Return the root element of an XML part; ``None`` where it is missing or no XML."""
        data = self.read(name) if name else None
        return parse_xml(_transitional(data)) if data else None

    def relations(self, name: str) -> dict[str, Relation]:
        """Return the relations of a part by their ids; those of the package for an empty name."""
        folder, base = posixpath.split(name)
        root = self.tree(posixpath.join(folder, "_rels", base + ".rels"))
        found = {}
        for element in root if root is not None else ():
            target = unquote(str(element.get("Target", "")))
            external = element.get("TargetMode") == "External"
            if not external:
                target = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
            kind = str(element.get("Type", "")).rpartition("/")[2]
            found[str(element.get("Id", ""))] = Relation(kind, target, external)
        return found


_STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/(\w+)")


def _transitional(data: bytes) -> bytes:
    """Return a part of ISO/IEC 29500 Strict with the namespaces of Transitional."""
    if b"purl.oclc.org/ooxml/" not in data[:_HEAD]:
        return data
    return _STRICT.sub(rb"http://schemas.openxmlformats.org/\1/2006/\2", data)


def parse_xml(data: bytes) -> Any | None:
    """Return the root element; malformed XML is repaired, entities are not followed."""
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, recover=True, huge_tree=False
    )
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        return None


def main_part(package: Package, usual: str) -> str:
    """Return the name of an OOXML package's main part, which is ``usual`` where nothing says so.

    Raises
    ------
    DocumentError
        There is none.
    """
    for relation in package.relations("").values():
        if relation.kind == "officeDocument" and relation.target in package:
            return relation.target
    if usual in package:
        return usual
    raise DocumentError(f"it can't be read: it lacks the part {usual}")


def reference(element: Any, name: str = "id") -> str:
    """Return the id of the relation that an element names, in either dialect of OOXML."""
    for key, value in element.attrib.items():
        if key.endswith(f"relationships}}{name}"):
            return str(value)
    return ""


def local_name(element: Any) -> str:
    """Return an element's name without its namespace; empty for comments and the like."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def attribute(element: Any, name: str) -> str:
    """Return an attribute whatever its namespace; empty where it is missing."""
    for key, value in element.attrib.items():
        if key.rpartition("}")[2] == name:
            return str(value)
    return ""


def core_properties(package: Package) -> dict[str, str]:
    """Return title, author, dates and language from an OOXML package's core properties."""
    root = package.tree("docProps/core.xml")
    return properties(root) if root is not None else {}


def properties(parent: Any, *, date: str = "modified") -> dict[str, str]:
    """Return the Dublin Core elements below ``parent`` by our names for them.

    Parameters
    ----------
    date:
        What the element ``date`` tells in this format.
    """
    from knowledge.text.cleaning import clean

    found: dict[str, str] = {}
    for element in parent.iter():
        name = local_name(element)
        ours = date if name == "date" else _PROPERTIES.get(name)
        text = " ".join(clean(element.text or "").split())
        if ours and text:
            found[ours] = f"{found[ours]}, {text}" if ours == "author" and ours in found else text
    return found


_PROPERTIES = {
    "title": "title",
    "creator": "author",
    "created": "created",
    "creation-date": "created",
    "modified": "modified",
    "language": "language",
}


def _key(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()
