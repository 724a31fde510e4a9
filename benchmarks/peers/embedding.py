"""How the peers' programs embed: the bundled model in the process, or a server of OpenAI's kind.

The server's address is in ``BENCH_URL``; without it the model is loaded here, by the same code as
the program under test uses, so that what is compared is everything else.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

URL = os.environ.get("BENCH_URL", "")
BATCH = int(os.environ.get("BENCH_BATCH", "64"))
THREADS = int(os.environ.get("BENCH_THREADS", "8"))
CHUNK_TOKENS = 256
CHUNK_CHARACTERS = 1_000


def passages(folder: str) -> list[str]:
    """Return the sections of the Markdown files below a folder, each with its heading."""
    found = []
    for path in sorted(Path(folder).rglob("*.md")):
        _, *parts = path.read_text(encoding="utf-8").split("\n## ")
        found += [f"## {part}".strip() for part in parts]
    return found


def texts_of(folder: str) -> list[tuple[str, str]]:
    """Return the path and the text of each file below a folder; PDF by pypdf."""
    found = []
    for path in sorted(p for p in Path(folder).rglob("*") if p.is_file()):
        if path.suffix == ".pdf":
            from pypdf import PdfReader

            text = "\n".join(page.extract_text() for page in PdfReader(path).pages)
        else:
            text = path.read_text(encoding="utf-8")
        found.append((str(path), text))
    return found


@cache
def client() -> Any:
    """Return a client of the server, as OpenAI's package makes it."""
    from openai import OpenAI

    return OpenAI(base_url=URL, api_key="none")


def embed(texts: Sequence[str]) -> list[list[float]]:
    """Return the vectors of some texts."""
    if URL:
        answer = client().embeddings.create(model="bench", input=list(texts))
        return [item.embedding for item in answer.data]
    return _model().embed_documents(list(texts)).vectors.tolist()


@cache
def _model() -> Any:
    from knowledge.embeddings.local.static import StaticEmbedder

    return StaticEmbedder()
