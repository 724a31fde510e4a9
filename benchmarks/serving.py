"""How much a server answers: under load while it is written to, and beside other servers.

    python -m benchmarks.serving load [--seconds 60] [--clients 64] [--chunks 100000]
    python -m benchmarks.serving beside [--seconds 15] [--clients 16] [--chunks 100000]
    python -m benchmarks.serving all
    python -m benchmarks.serving --small           # only to check that it works

``load``: questions to `knowledge serve`, first alone for a third of the time, then while other
processes ingest into the same dataset again and again. Meanwhile an ingest is killed with all its
processes, a worker of another one is killed, and one of an upload to the server itself. One
question of eight has a known answer; any other first hit counts as an error.

``beside``: `/v1/embeddings` with one text that was not asked for before, beside a FastAPI loop over
the same bundled model; and `retrieve` of 10 passages, beside bare Chroma's server (`chroma run`),
which is sent question vectors and knows no text search. With --transformer FOLDER one model of
sentence-transformers too, served by us and by a FastAPI loop over it.

Each server is a process of its own; clients are threads here, so that on few cores they take their
share, the same of all. Results go to benchmarks/results/serving.{md,json,png}; a part that was not
run keeps its rows from before.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.plots import plot
from benchmarks.report import RESULTS, Result, save
from knowledge import KnowledgeBase

KEY_QUESTION = "how often is the signing key rotated"
KEY_FILE = "key.md"
TOP_K = 10
VOCABULARY = 5_000
COLUMNS = ("what", "requests/s", "median, ms", "99th percentile, ms", "errors", "MiB before/after")
FASTAPI = """
import sys, uvicorn
from fastapi import FastAPI
from knowledge.embeddings.local.static import StaticEmbedder

model, app = StaticEmbedder(), FastAPI()

@app.post("/v1/embeddings")
def embed(body: dict):
    vectors = model.embed_documents([body["input"]]).vectors
    return {"data": [{"embedding": vectors[0].tolist()}]}

uvicorn.run(app, port=int(sys.argv[1]), log_level="error", access_log=False)
"""
FASTAPI_TRANSFORMER = """
import sys, uvicorn
from fastapi import FastAPI
from sentence_transformers import SentenceTransformer

model, app = SentenceTransformer(sys.argv[2]), FastAPI()

@app.post("/v1/embeddings")
def embed(body: dict):
    vectors = model.encode([body["input"]], normalize_embeddings=True)
    return {"data": [{"embedding": vectors[0].tolist()}]}

uvicorn.run(app, port=int(sys.argv[1]), log_level="error", access_log=False)
"""


def main() -> None:
    """Run the benchmark as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", choices=("load", "beside", "all"), default="all")
    parser.add_argument("--seconds", type=float, help="default: 60 under load, 15 beside others")
    parser.add_argument("--clients", type=int, help="default: 64 under load, 16 beside others")
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--transformer", metavar="FOLDER")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    if options.small:
        options.seconds, options.clients, options.chunks = 3.0, 4, 1_000
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        started = time.monotonic()
        home.fill(options.chunks)
        print(f"{options.chunks:,} chunks in {time.monotonic() - started:.0f} s", flush=True)
        found = Found()
        if options.part in ("load", "all"):
            under_load(home, options, found)
        if options.part in ("beside", "all"):
            beside(home, options, found)
    report(found, options)


@dataclass(frozen=True, slots=True)
class Row:
    """What clients met: seconds of each answer, and how many were wrong."""

    name: str
    rate: float
    took: Sequence[float]
    errors: int
    memory: tuple[float, float]

    @property
    def cells(self) -> list[str]:
        """The row of the table."""
        p50, p99 = np.percentile(self.took or [0.0], (50, 99)) * 1000
        before, after = self.memory
        numbers = f"{self.rate:,.1f}", f"{p50:.1f}", f"{p99:.1f}", str(self.errors)
        return [self.name, *numbers, f"{before:,.0f} / {after:,.0f}"]


@dataclass(slots=True)
class Found:
    """What was measured, and what it says."""

    rows: list[Row] = field(default_factory=list)
    verdict: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of a run: a data folder, and the documents in it."""

    folder: Path

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    def fill(self, chunks: int) -> None:
        """Make a dataset of about as many chunks, of small texts in files of a hundred."""
        documents = self.folder / "documents"
        documents.mkdir()
        words = [f"word{number}" for number in range(VOCABULARY)]
        random = np.random.default_rng(0)
        for number in range(max(1, chunks // 100)):
            parts = [f"# Part {n}\n\n{' '.join(random.choice(words, 30))}\n" for n in range(100)]
            (documents / f"{number}.md").write_text("\n".join(parts), encoding="utf-8")
        (documents / KEY_FILE).write_text("# Keys\n\nThe signing key is rotated every 90 days.\n")
        with KnowledgeBase.open(self.data, embedding_model_provider="static") as kb:
            kb.ingest(documents)

    @property
    def ours(self) -> list[str]:
        """The command of the server."""
        run = [sys.executable, "-m", "knowledge", "serve", "--log", "off", "--port", "{port}"]
        return [*run, "--data-dir", str(self.data)]


def under_load(home: Home, options: argparse.Namespace, found: Found) -> None:
    """Ask while nothing else happens, and then while all kinds of things do."""
    seconds, clients = options.seconds or 60.0, options.clients or 64
    with serving([*home.ours, "--warm"], "/healthz") as (url, process):
        ask = retrieve_by(url)
        alone = measure("retrieve, nothing else", url, ask, process, seconds / 3, clients)
        writers = Writers(home, url, process, seconds)
        with writers.working():
            beside = measure(
                "retrieve, ingests running", url, ask, process, seconds, clients, warm=False
            )
    found.rows += [alone, beside]
    found.verdict += [
        (
            f"{clients} clients: with ingests running {beside.rate / max(alone.rate, 1e-9):.0%} "
            "of the questions a second without"
        ),
        (
            f"{len(writers.codes)} ingests meanwhile, exit codes {sorted(set(writers.codes))}; "
            f"killed: {', '.join(writers.killed) or 'none'}"
        ),
        "the server's MiB over that time: " + " ".join(f"{one:,.0f}" for one in writers.sizes),
    ]


class Writers:
    """What happens beside the questions: ingests of other processes, uploads, and deaths."""

    def __init__(self, home: Home, url: str, server: psutil.Process, seconds: float) -> None:
        self._home, self._url, self._server = home, url, server
        self._until = time.monotonic() + seconds
        self.codes: list[int] = []
        self.killed: list[str] = []
        self.sizes: list[float] = []
        self._seconds = seconds

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Write as long as the context lasts, but no longer than was said."""
        threads = [threading.Thread(target=one) for one in (self._ingest, self._upload, self._look)]
        for thread in threads:
            thread.start()
        yield
        for thread in threads:
            thread.join()

    def _ingest(self) -> None:
        more = self._home.folder / "more"
        more.mkdir()
        run = [sys.executable, "-m", "knowledge", "ingest", str(more), "-d", "default", "--quiet"]
        while time.monotonic() < self._until:
            for number in range(200):
                (more / f"{number}.txt").write_text(f"text {number} of round {len(self.codes)}")
            writer = subprocess.Popen(
                [*run, "--data-dir", str(self._home.data)],
                start_new_session=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            if len(self.codes) == 1 and kill_child(psutil.Process(writer.pid), 30):
                self.killed.append("a worker of an ingest")
            if len(self.codes) == 2:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    writer.wait(0.5)
                if writer.poll() is None:
                    os.killpg(writer.pid, signal.SIGKILL)
                    self.killed.append("an ingest with all its processes")
            self.codes.append(writer.wait())

    def _upload(self) -> None:
        time.sleep(self._seconds / 4)
        boundary = "x" * 24
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="files"; '
            f'filename="sent{number}.txt"\r\n\r\ntext {number} that was sent\r\n'
            for number in range(200)
        ]
        body = ("".join(parts) + f"--{boundary}--\r\n").encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        client = Client(self._url)
        status, _ = client.send("POST", "/api/v1/datasets/default/files", body, headers)
        if status == 202 and kill_child(self._server, 30):
            self.killed.append("a worker of an upload to the server")

    def _look(self) -> None:
        while time.monotonic() < self._until:
            self.sizes.append(self._server.memory_info().rss / 2**20)
            time.sleep(self._seconds / 10)


def kill_child(process: psutil.Process, seconds: float) -> bool:
    """Kill a process that another one has started, once there is one."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(psutil.Error):
            for child in process.children():
                if "resource_tracker" not in " ".join(child.cmdline()):
                    child.kill()
                    return True
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return False
        time.sleep(0.005)
    return False


def beside(home: Home, options: argparse.Namespace, found: Found) -> None:
    """Measure ours and others, one after the other."""
    seconds, clients = options.seconds or 15.0, options.clients or 16

    def measured(name: str, command: list[str], path: str, ask_by: Callable[[str], Ask]) -> Row:
        with serving(command, path) as (url, process):
            row = measure(name, url, ask_by(url), process, seconds, clients)
        found.rows.append(row)
        return row

    ours = measured("/v1/embeddings, knowledge", home.ours, "/healthz", embed_by)
    loop = [sys.executable, "-c", FASTAPI, "{port}"]
    theirs = measured("/v1/embeddings, a FastAPI loop", loop, "/docs", embed_by)
    share = ours.rate / max(theirs.rate, 1e-9)
    found.verdict.append(f"embeddings: {share:.2f} times as many a second as the loop")
    if options.transformer:
        name = f"sentence-transformers:{options.transformer}"
        model = partial_embed(name)
        measured("the same, a transformer", [*home.ours, "--model", name], "/healthz", model)
        loop = [sys.executable, "-c", FASTAPI_TRANSFORMER, "{port}", options.transformer]
        measured("a FastAPI loop, a transformer", loop, "/docs", model)
    measured("retrieve, knowledge", home.ours, "/healthz", retrieve_by)
    run = "import sys; from chromadb.cli.cli import app; sys.argv[0] = 'chroma'; app()"
    path = str(home.folder / "chroma")
    chroma = [sys.executable, "-c", run, "run", "--path", path, "--port", "{port}"]
    measured(
        "query, Chroma's server, vectors given",
        chroma,
        "/api/v2/heartbeat",
        lambda url: query_by(url, options.chunks),
    )


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
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                Client(url).send("GET", path)
                break
            if process.poll() is not None or time.monotonic() - started > 120:
                raise SystemExit(f"{filled[:4]} does not answer")
            time.sleep(0.05)
        yield url, psutil.Process(process.pid)
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.wait()


class Client:
    """One connection that is kept."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=120)

    def send(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Return the status and the body of a reply."""
        self._connection.request(method, path, body, headers or {})
        reply = self._connection.getresponse()
        return reply.status, reply.read()

    def post(self, path: str, content: Any) -> tuple[int, bytes]:
        """Return the status and the body of a reply to JSON."""
        headers = {"Content-Type": "application/json"}
        return self.send("POST", path, json.dumps(content).encode(), headers)


Ask = Callable[[Client], bool]
"""Sends one request, and tells whether its reply is right."""


def embed_by(url: str, model: str = "static") -> Ask:
    """Return a request for the vector of a text that was not asked for before."""
    del url
    number = itertools.count()

    def ask(client: Client) -> bool:
        body = {"model": model, "input": f"{KEY_QUESTION} {next(number)}"}
        status, content = client.post("/v1/embeddings", body)
        return status == 200 and len(json.loads(content)["data"][0]["embedding"]) > 0

    return ask


def partial_embed(model: str) -> Callable[[str], Ask]:
    """Return what makes requests to another model."""
    return lambda url: embed_by(url, model)


def retrieve_by(url: str) -> Ask:
    """Return questions of six words each; of every eighth the answer is known."""
    del url
    random = np.random.default_rng(1)
    words = random.integers(VOCABULARY, size=(500, 6))
    questions = [" ".join(f"word{number}" for number in row) for row in words.tolist()]
    numbers = itertools.count()

    def ask(client: Client) -> bool:
        number = next(numbers)
        known = number % 8 == 0
        question = KEY_QUESTION if known else questions[number % len(questions)]
        status, content = client.post("/api/v1/retrieve", {"query": question, "top_k": TOP_K})
        if status != 200:
            return False
        hits = json.loads(content)["hits"]
        return len(hits) == TOP_K and (not known or hits[0]["name"] == KEY_FILE)

    return ask


def query_by(url: str, chunks: int) -> Ask:
    """Fill a collection of Chroma's server with as many vectors, and return a query of it."""
    import chromadb

    client = chromadb.HttpClient(port=int(url.rpartition(":")[2]))
    collection = client.create_collection("passages", embedding_function=None)
    random = np.random.default_rng(0)
    for start in range(0, chunks, 2_000):
        rows = random.normal(size=(min(2_000, chunks - start), 256)).astype(np.float32)
        ids = [str(start + number) for number in range(len(rows))]
        collection.add(ids=ids, embeddings=rows, documents=[KEY_QUESTION] * len(rows))
    path = (
        f"/api/v2/tenants/default_tenant/databases/default_database/collections/"
        f"{collection.id}/query"
    )
    body: dict[str, Any] = {"query_embeddings": [random.normal(size=256).tolist()]}
    body |= {"n_results": TOP_K, "include": ["documents", "distances"]}

    def ask(one: Client) -> bool:
        status, content = one.post(path, body)
        return status == 200 and len(json.loads(content)["ids"][0]) == TOP_K

    return ask


def measure(
    name: str,
    url: str,
    ask: Ask,
    process: psutil.Process,
    seconds: float,
    clients: int,
    *,
    warm: bool = True,
) -> Row:
    """Ask from several clients for some time."""
    took: list[float] = []
    wrong: list[str] = []
    if warm:
        one = Client(url)
        for _ in range(20):
            ask(one)
    before = process.memory_info().rss / 2**20
    started = time.monotonic()

    def client() -> None:
        one = Client(url)
        while time.monotonic() - started < seconds:
            began = time.perf_counter()
            try:
                right = ask(one)
            except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
                wrong.append(repr(error))
                one = Client(url)
                continue
            took.append(time.perf_counter() - began)
            if not right:
                wrong.append("a wrong reply")

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    memory = (before, process.memory_info().rss / 2**20)
    row = Row(name, len(took) / (time.monotonic() - started), took, len(wrong), memory)
    print(" | ".join(row.cells), *dict.fromkeys(wrong[:3]), flush=True)
    return row


def report(found: Found, options: argparse.Namespace) -> None:
    """Write the results, beside the rows of the part that was not run."""
    cells = [row.cells for row in found.rows]
    verdict = list(found.verdict)
    known = options.results / "serving.json"
    if options.part != "all" and known.exists():
        before = json.loads(known.read_text(encoding="utf-8"))
        names = {row[0] for row in cells}
        cells += [row for row in before["rows"] if row[0] not in names]
        verdict += [one for one in before["verdict"] if one not in verdict]
    result = Result(
        "serving",
        "Requests to servers, each a process of its own: `knowledge serve` over one dataset under "
        "load while it is written to, and beside other servers.",
        "no error under load, flat memory, with an ingest at least a third of the questions a "
        "second without; as many embeddings a second as a FastAPI loop over the same model",
        COLUMNS,
        cells,
        verdict,
        {"chunks": options.chunks},
    )
    save(result, options.results)
    plot(result, options.results)


if __name__ == "__main__":
    main()
