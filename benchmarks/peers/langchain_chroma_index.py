"""LangChain's Chroma store with its indexing API: ``passages``, ``ingest`` or ``ask`` a folder.

https://docs.langchain.com/oss/python/integrations/vectorstores/chroma
https://reference.langchain.com/python/langchain_core/indexing
"""

from __future__ import annotations

import sys
from pathlib import Path

from embedding import BATCH, CHUNK_CHARACTERS, embed, passages, texts_of
from langchain_chroma import Chroma
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings


class BenchEmbeddings(Embeddings):
    """The model that all share; the usual loop over batches."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed documents."""
        found = []
        for start in range(0, len(texts), BATCH):
            found += embed(texts[start : start + BATCH])
        return found

    def embed_query(self, text: str) -> list[float]:
        """Embed a question."""
        return embed([text])[0]


def main() -> None:
    """Do what the command line says: WHAT DATA FOLDER-OR-QUESTION."""
    what, data, given = sys.argv[1:]
    store = Chroma("bench", BenchEmbeddings(), persist_directory=data)
    if what == "ask":
        print(store.similarity_search(given, k=10))
        return
    from langchain_classic.indexes import SQLRecordManager, index

    manager = SQLRecordManager("bench", db_url=f"sqlite:///{Path(data, 'records.sql')}")
    manager.create_schema()
    documents = [
        Document(text, metadata={"source": f"passage {number}"})
        for number, text in enumerate(passages(given) if what == "passages" else ())
    ] or cut(given)
    print(
        index(
            documents,
            manager,
            store,
            cleanup="incremental",
            batch_size=1_000,
            source_id_key="source",
            key_encoder="sha256",
        ),
        len(documents),
    )


def cut(folder: str) -> list[Document]:
    """Cut files with the splitter that the documentation recommends first."""
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    splitter = RecursiveCharacterTextSplitter(chunk_size=CHUNK_CHARACTERS, chunk_overlap=0)
    documents = [Document(text, metadata={"source": path}) for path, text in texts_of(folder)]
    return splitter.split_documents(documents)


main()
