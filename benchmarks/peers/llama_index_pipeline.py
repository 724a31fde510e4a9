"""LlamaIndex's IngestionPipeline into its Chroma store: ``passages``, ``ingest`` or ``ask``.

https://developers.llamaindex.ai/python/framework/module_guides/loading/ingestion_pipeline/
https://developers.llamaindex.ai/python/examples/vector_stores/chromaindexdemo/
"""

from __future__ import annotations

import sys
from typing import Any

import chromadb
from embedding import BATCH, CHUNK_TOKENS, THREADS, URL, passages
from llama_index.core import VectorStoreIndex
from llama_index.core.schema import TextNode
from llama_index.vector_stores.chroma import ChromaVectorStore
from llama_index_model import BenchEmbedding

SLICE = 200  # documents of five nodes, or pages of some twenty


def main() -> None:
    """Do what the command line says: WHAT DATA FOLDER-OR-QUESTION."""
    what, data, given = sys.argv[1:]
    collection = chromadb.PersistentClient(path=data).get_or_create_collection("bench")
    store = ChromaVectorStore(chroma_collection=collection)
    model = BenchEmbedding(embed_batch_size=BATCH, num_workers=THREADS if URL else None)
    if what == "ask":
        index = VectorStoreIndex.from_vector_store(store, embed_model=model)
        print(index.as_retriever(similarity_top_k=10).retrieve(given))
    else:
        print(len(ingest(what, given, store, model)))


def ingest(what: str, given: str, store: ChromaVectorStore, model: BenchEmbedding) -> Any:
    """Run the pipeline."""
    from llama_index.core import SimpleDirectoryReader
    from llama_index.core.ingestion import IngestionPipeline
    from llama_index.core.node_parser import SentenceSplitter

    if what == "passages":
        nodes = [TextNode(text=text) for text in passages(given)]
        return in_slices(
            IngestionPipeline(transformations=[model], vector_store=store), "nodes", nodes
        )
    pipeline = IngestionPipeline(
        transformations=[SentenceSplitter(chunk_size=CHUNK_TOKENS, chunk_overlap=0), model],
        vector_store=store,
    )
    documents = SimpleDirectoryReader(given, recursive=True).load_data()
    return in_slices(pipeline, "documents", documents)


def in_slices(pipeline: Any, kind: str, given: list[Any]) -> list[Any]:
    """Run the pipeline on a part after the other: its store writes at most 5,461 nodes a run."""
    done = []
    for start in range(0, len(given), SLICE):
        done += pipeline.run(**{kind: given[start : start + SLICE]})
    return done


main()
