"""LlamaIndex with PGVectorStore, or with Qdrant's local mode: ``passages`` or ``ask``.

https://developers.llamaindex.ai/python/examples/vector_stores/postgres/
https://developers.llamaindex.ai/python/examples/vector_stores/qdrantindexdemo/
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from llama_index.core import StorageContext, VectorStoreIndex
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores import MetadataFilter, MetadataFilters
from llama_index_model import BenchEmbedding

SLICE = 2_000


def main() -> None:
    """Do what the command line says: KIND WHAT DATA FOLDER-OR-QUESTIONS."""
    kind, what, data, given = sys.argv[1:]
    store = postgres() if kind == "postgres" else qdrant(data)
    model = BenchEmbedding(embed_batch_size=128)
    if what == "passages":
        fill(store, model, Path(given))
    else:
        index = VectorStoreIndex.from_vector_store(store, embed_model=model)
        found = asked(index, json.loads(given))
        print(json.dumps(found | ({"bytes": table_bytes()} if kind == "postgres" else {})))


def postgres() -> Any:
    """Return a table of the database in ``BENCH_POSTGRES``, with BM25's half of hybrid search."""
    from llama_index.vector_stores.postgres import PGVectorStore

    address = urlsplit(os.environ["BENCH_POSTGRES"])
    place = parse_qs(address.query)["host"][0]
    name, user = address.path.strip("/"), address.username or "postgres"
    return PGVectorStore.from_params(
        connection_string=f"postgresql+psycopg2://{user}@/{name}?host={place}",
        async_connection_string=f"postgresql+asyncpg://{user}@/{name}?host={place}",
        table_name="bench",
        embed_dim=256,
        hybrid_search=True,
        hnsw_kwargs={"hnsw_m": 16, "hnsw_ef_construction": 64, "hnsw_ef_search": 40},
    )


def table_bytes() -> int:
    """Return what the table and its indexes take in the database."""
    import psycopg2

    address = urlsplit(os.environ["BENCH_POSTGRES"])
    place = parse_qs(address.query)["host"][0]
    name, user = address.path.strip("/"), address.username or "postgres"
    with psycopg2.connect(host=place, dbname=name, user=user) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT pg_total_relation_size('data_bench')")
        return int(cursor.fetchone()[0])


def qdrant(data: str) -> Any:
    """Return a collection of Qdrant's local mode."""
    from llama_index.vector_stores.qdrant import QdrantVectorStore
    from qdrant_client import QdrantClient

    return QdrantVectorStore(client=QdrantClient(path=data), collection_name="bench")


def fill(store: Any, model: BenchEmbedding, folder: Path) -> None:
    """Store the sections of the Markdown files below a folder, one a node."""
    context = StorageContext.from_defaults(vector_store=store)
    index = VectorStoreIndex([], storage_context=context, embed_model=model)
    nodes = []
    for path in sorted(folder.rglob("*.md")):
        _, *parts = path.read_text(encoding="utf-8").split("\n## ")
        tenth = int(path.stem) % 10
        nodes += [TextNode(text=f"## {part}".strip(), metadata={"tenth": tenth}) for part in parts]
    for start in range(0, len(nodes), SLICE):
        index.insert_nodes(nodes[start : start + SLICE])


def asked(index: VectorStoreIndex, questions: list[str]) -> dict[str, float]:
    """Return milliseconds at the median, without and with a filter."""
    chosen = MetadataFilters(filters=[MetadataFilter(key="tenth", value=7)])
    found = {}
    for name, more in {"median": {}, "filtered": {"filters": chosen}}.items():
        retriever = index.as_retriever(similarity_top_k=10, **more)
        spent = []
        for question in questions:
            started = time.perf_counter()
            retriever.retrieve(question)
            spent.append(1_000 * (time.perf_counter() - started))
        found[name] = statistics.median(spent)
    return found


main()
