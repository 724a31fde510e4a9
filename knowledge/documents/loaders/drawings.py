"""What stands beside the cells of an XLSX workbook: comments, text boxes and charts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from knowledge.documents.cleaning import clean
from knowledge.documents.loaders import markdown_blocks as markdown
from knowledge.documents.loaders.chart import chart_blocks
from knowledge.documents.loaders.package import Package, local_name, main_part, reference
from knowledge.documents.loaders.presentation import paragraphs
from knowledge.model import Document, PageSpan, PageUnit, TextKind

_CELL_COMMENTS = ("comment", "threadedComment")


def beside_the_cells(package: Package) -> Iterator[Document]:
    """Yield a document for each sheet that has comments, text boxes or charts."""
    if "xl/workbook.xml" not in package:
        return
    main = main_part(package, "xl/workbook.xml")
    relations = package.relations(main)
    root = package.tree(main)
    sheets = [] if root is None else [e for e in root.iter() if local_name(e) == "sheet"]
    for number, sheet in enumerate(sheets, 1):
        relation = relations.get(reference(sheet))
        if relation is None or relation.external:
            continue
        text = markdown.join(_blocks(package, relation.target))
        if text:
            name = clean(str(sheet.get("name", "")))
            yield Document(
                text,
                TextKind.MARKDOWN,
                (PageSpan(number, 0, len(text), name),),
                PageUnit.SHEET,
                heading=(name,),
                loader="xlsx",
            )


def _blocks(package: Package, name: str) -> Iterator[str]:
    for relation in package.relations(name).values():
        root = None if relation.external else package.tree(relation.target)
        if root is None:
            continue
        if relation.kind in ("comments", "threadedComment"):
            yield from _comments(root)
        elif relation.kind == "drawing":
            yield from _drawing(package, relation.target, root)


def _comments(root: Any) -> Iterator[str]:
    for element in root.iter():
        if local_name(element) in _CELL_COMMENTS:
            text = "".join(e.text or "" for e in element.iter() if local_name(e) in ("t", "text"))
            # Excel keeps an older copy of a thread's comments, which begins so.
            if text.strip() and not text.startswith("[Threaded comment]"):
                yield clean(f"Comment on {element.get('ref', '')}: {' '.join(text.split())}")


def _drawing(package: Package, name: str, root: Any) -> Iterator[str]:
    relations = package.relations(name)
    for element in root.iter():
        kind = local_name(element)
        if kind == "txBody":
            yield from paragraphs(element)
        elif kind == "chart":
            relation = relations.get(reference(element))
            chart = package.tree(relation.target) if relation and not relation.external else None
            if chart is not None:
                yield from chart_blocks(chart)
