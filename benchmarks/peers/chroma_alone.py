"""Bare Chroma with documents: ``passages``, ``ingest`` or ``ask`` a folder.

https://docs.trychroma.com/docs/overview/getting-started
"""

from __future__ import annotations

import sys

import chromadb
from embedding import BATCH, CHUNK_CHARACTERS, embed, passages, texts_of


def main() -> None:
    """Do what the command line says: WHAT DATA FOLDER-OR-QUESTION."""
    what, data, given = sys.argv[1:]
    collection = chromadb.PersistentClient(data).get_or_create_collection(
        "bench", embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
    )
    if what == "ask":
        answer = collection.query(query_embeddings=embed([given]), n_results=10)
        print(answer["documents"])
        return
    chunks = passages(given) if what == "passages" else list(cut(given))
    for start in range(0, len(chunks), BATCH):
        batch = chunks[start : start + BATCH]
        ids = [str(start + place) for place in range(len(batch))]
        collection.add(ids=ids, documents=batch, embeddings=embed(batch))
    print(len(chunks))


def cut(folder: str) -> list[str]:
    """Cut each file every so many characters: Chroma has no splitter."""
    size = CHUNK_CHARACTERS
    return [
        text[start : start + size]
        for _, text in texts_of(folder)
        for start in range(0, len(text), size)
    ]


main()
