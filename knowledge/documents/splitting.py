"""Document to passages (first version)."""

from __future__ import annotations

from bisect import bisect_right

from knowledge.model import Document, Passage, SplitterSpec, TextKind


def split(document: Document, spec: SplitterSpec) -> list[Passage]:
    """Split."""
    from semantic_text_splitter import MarkdownSplitter, TextSplitter

    kind = MarkdownSplitter if document.kind is TextKind.MARKDOWN else TextSplitter
    splitter = kind.from_tiktoken_model("gpt-4", spec.chunk_size, overlap=spec.chunk_overlap)
    breaks = [i for i, c in enumerate(document.text) if c == "\n"]
    passages = []
    for start, text in splitter.chunk_indices(document.text):
        end = start + len(text)
        line = (bisect_right(breaks, start - 1) + 1, bisect_right(breaks, end - 1) + 1)
        pages = [p.number for p in document.pages if p.char_start < end and start < p.char_end]
        passages.append(
            Passage(
                len(passages),
                text,
                start,
                end,
                *(line if document.has_lines else (None, None)),
                *((pages[0], pages[-1]) if pages else (None, None)),
                tokens=len(text) // 4,
            )
        )
    return passages
