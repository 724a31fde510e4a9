"""How much a server answers: `knowledge serve` beside Chroma's server and a loop over one model.

    python -m benchmarks.serving [--seconds 10] [--clients 16] [--chunks 20000] [--ingest]

Requests a second, median and 99th percentile of one run, all on this machine: `/v1/embeddings` with
one text, and `retrieve` of 10 passages. Beside them bare Chroma's server (`chroma run`), which is
sent question vectors and knows no text search, and a Starlette application of twenty lines that
calls the same embedding model. With --transformer FOLDER one model of sentence-transformers is
served by us and by a FastAPI loop over it. With --ingest, questions alone are measured while
another process ingests, with the server's memory every tenth of the time. Each server is a process
of its own; clients are threads here, so that on few cores they take their share.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import psutil

from knowledge import KnowledgeBase

QUESTION = "how often is the signing key rotated"
TOP_K = 10
LOOP = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from knowledge import KnowledgeBase

model = KnowledgeBase.open(sys.argv[2]).models.open("static")

async def embed(request):
    body = await request.json()
    vectors = model.embed([body["input"]])
    return JSONResponse({"data": [{"embedding": vectors[0].tolist()}]})

app = Starlette(routes=[Route("/v1/embeddings", embed, methods=["POST"])])
uvicorn.run(app, port=int(sys.argv[1]), log_level="error")
"""


def main() -> None:
    """Run the benchmark as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--chunks", type=int, default=20_000)
    parser.add_argument("--ingest", action="store_true")
    parser.add_argument("--transformer", metavar="FOLDER")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "data")
        print(f"{options.chunks:,} chunks, {options.clients} clients, {options.seconds:g} s each")
        fill(data, Path(folder, "documents"), options.chunks)
        print(f"{'':34}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'MiB':>7}")
        ours = [sys.executable, "-m", "knowledge", "serve", "--log", "off", "--data-dir", str(data)]
        if options.ingest:
            with serving([*ours, "--warm", "--port", "{port}"], "/healthz") as (url, process):
                under_ingest(url, process, Path(folder), options)
            return
        if options.transformer:
            beside_transformer([*ours, "--port", "{port}"], options)
        with serving([*ours, "--port", "{port}"], "/healthz") as (url, process):
            measure("knowledge /v1/embeddings", embed_by(url), process, options)
            measure("knowledge retrieve", retrieve_by(url), process, options)
        with serving([sys.executable, "-c", LOOP, "{port}", str(data)], "/") as (url, process):
            measure("a loop over the model", embed_by(url), process, options)
        program = shutil.which("chroma") or str(Path(sys.executable).with_name("chroma"))
        chroma = [program, "run", "--path", f"{folder}/c"]
        with serving([*chroma, "--port", "{port}"], "/api/v2/heartbeat") as (url, process):
            query = query_by(url, options.chunks)
            measure("Chroma's server, vectors given", query, process, options)


def under_ingest(
    url: str, process: psutil.Process, folder: Path, options: argparse.Namespace
) -> None:
    """Ask while another process ingests again and again, and print the server's memory."""
    more = folder / "more"
    more.mkdir()
    until = time.monotonic() + options.seconds
    runs, sizes = [], []

    def write() -> None:
        while time.monotonic() < until:
            for number in range(200):
                (more / f"{number}.txt").write_text(f"text {number} of round {len(runs)}")
            command = [sys.executable, "-m", "knowledge", "ingest", str(more), "-d", "default"]
            data = ["--data-dir", str(folder / "data"), "--quiet"]
            runs.append(subprocess.run([*command, *data], check=False).returncode)

    def look() -> None:
        while time.monotonic() < until:
            sizes.append(process.memory_info().rss / 2**20)
            time.sleep(options.seconds / 10)

    beside = [threading.Thread(target=one) for one in (write, look)]
    for thread in beside:
        thread.start()
    measure("knowledge retrieve, ingest running", retrieve_by(url), process, options)
    for thread in beside:
        thread.join()
    print(f"ingests: {len(runs)}, exit codes {sorted(set(runs))}")
    print("MiB over time:", " ".join(f"{size:,.0f}" for size in sizes))


FAST_LOOP = """
import sys, uvicorn
from fastapi import FastAPI
from sentence_transformers import SentenceTransformer

model, app = SentenceTransformer(sys.argv[2]), FastAPI()

@app.post("/v1/embeddings")
def embed(body: dict):
    vectors = model.encode([body["input"]], normalize_embeddings=True)
    return {"data": [{"embedding": vectors[0].tolist()}]}

uvicorn.run(app, port=int(sys.argv[1]), log_level="error")
"""


def beside_transformer(ours: list[str], options: argparse.Namespace) -> None:
    """Measure one model of sentence-transformers, served by us and by the loop people write."""
    name = f"sentence-transformers:{options.transformer}"
    with serving([*ours, "--model", name], "/healthz") as (url, process):
        measure("knowledge, the transformer", embed_by(url, name), process, options)
    loop = [sys.executable, "-c", FAST_LOOP, "{port}", options.transformer]
    with serving(loop, "/docs") as (url, process):
        measure("FastAPI, the transformer", embed_by(url), process, options)


def fill(data: Path, documents: Path, chunks: int) -> None:
    """Make a dataset of about as many chunks, of small texts in files of a hundred."""
    documents.mkdir()
    words = [f"word{number}" for number in range(5_000)]
    random = np.random.default_rng(0)
    for number in range(max(1, chunks // 100)):
        parts = [f"# Part {n}\n\n{' '.join(random.choice(words, 30))}\n" for n in range(100)]
        (documents / f"{number}.md").write_text("\n".join(parts), encoding="utf-8")
    (documents / "key.md").write_text("# Keys\n\nThe signing key is rotated every 90 days.\n")
    with KnowledgeBase.open(data, embedding_model_provider="static") as kb:
        kb.ingest(documents)


@contextlib.contextmanager
def serving(command: list[str], path: str) -> Iterator[tuple[str, psutil.Process]]:
    """Start a server on a free port, and give its address and process once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    filled = [part.replace("{port}", str(port)) for part in command]
    environment = {**os.environ, "ANONYMIZED_TELEMETRY": "False"}
    process = subprocess.Popen(
        filled, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        started = time.monotonic()
        while time.monotonic() - started < 60:
            with contextlib.suppress(httpx.HTTPError):
                httpx.get(url + path, trust_env=False)
                break
            time.sleep(0.02)
        yield url, psutil.Process(process.pid)
    finally:
        process.kill()
        process.wait()


Ask = Callable[[httpx.Client], httpx.Response]


def embed_by(url: str, model: str = "static") -> Ask:
    """Return a request for the vector of a text that was not asked for before."""
    number = itertools.count()

    def ask(client: httpx.Client) -> httpx.Response:
        body = {"model": model, "input": f"{QUESTION} {next(number)}"}
        return client.post(f"{url}/v1/embeddings", json=body)

    return ask


def retrieve_by(url: str) -> Ask:
    """Return a question."""
    body = {"query": QUESTION, "top_k": TOP_K}
    return lambda client: client.post(f"{url}/api/v1/retrieve", json=body)


def query_by(url: str, chunks: int) -> Ask:
    """Fill a collection of Chroma's server with as many vectors, and return a query of it."""
    import chromadb

    client = chromadb.HttpClient(port=int(url.rpartition(":")[2]))
    collection = client.create_collection("passages", embedding_function=None)
    random = np.random.default_rng(0)
    for start in range(0, chunks, 2_000):
        rows = random.normal(size=(min(2_000, chunks - start), 256)).astype(np.float32)
        ids = [str(start + number) for number in range(len(rows))]
        collection.add(ids=ids, embeddings=rows, documents=[QUESTION] * len(rows))
    path = (
        f"{url}/api/v2/tenants/default_tenant/databases/default_database/collections/"
        f"{collection.id}/query"
    )
    body = {"query_embeddings": [random.normal(size=256).tolist()], "n_results": TOP_K}
    body["include"] = ["documents", "distances"]
    return lambda client: client.post(path, json=body)


def measure(name: str, ask: Ask, process: psutil.Process, options: argparse.Namespace) -> None:
    """Ask from several clients for some time, and print a row."""
    took: list[float] = []
    wrong: list[int] = []
    with httpx.Client(timeout=60, trust_env=False) as first:
        ask(first).raise_for_status()
    until = time.monotonic() + options.seconds

    def client() -> None:
        with httpx.Client(timeout=60, trust_env=False) as one:
            while time.monotonic() < until:
                started = time.perf_counter()
                reply = ask(one)
                took.append(time.perf_counter() - started)
                if reply.status_code != 200:
                    wrong.append(reply.status_code)

    threads = [threading.Thread(target=client) for _ in range(options.clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    p50, p99 = np.percentile(took, (50, 99)) * 1000
    memory = process.memory_info().rss / 2**20
    rate = len(took) / options.seconds
    failed = f"  {len(wrong)} failed" if wrong else ""
    print(f"{name:34}{rate:12,.0f}{p50:9.1f}{p99:9.1f}{memory:7,.0f}{failed}")


if __name__ == "__main__":
    main()
