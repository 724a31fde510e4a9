"""``cold_retrieve`` and ``cold_retrieve_openai``: a whole process that answers one question.

The program ingests Markdown files; the peers store the same sections, one a chunk. For ``llm``,
which takes a file as one text, each section is a file of its own.
"""

from __future__ import annotations

import statistics
from pathlib import Path

from benchmarks import corpus, programs
from benchmarks.embedding_server import serving
from benchmarks.interleaved import Times, environment, time_in_turn
from benchmarks.programs import Options
from benchmarks.report import Result
from benchmarks.startup import seconds

BASE = "import chromadb"
OURS = "knowledge retrieve"
HOSTED = "knowledge retrieve, server"
LATENCY = 0.1
PEERS_DIMENSIONS = 1_536


def cold_retrieve(options: Options) -> Result:
    """Measure with the bundled model."""
    chunks = options.size(30_000, 100)
    folder, question = _folder(options, chunks), corpus.question(7)
    data = options.scratch / "ours"
    _run(programs.ours("ingest", str(folder), data=data))
    calls = {BASE: programs.python(BASE), OURS: programs.ours("retrieve", question, data=data)}
    calls |= _filled_peers(options, folder, question)
    times = time_in_turn(calls, options.runs)
    mine, base = times[OURS].median, times[BASE].median
    verdict = [f"{mine / base:.2f} of {BASE!r} (at most 0.38)"]
    verdict += [
        f"{mine / times[name].median:.2f} of {name} (at most 0.20)"
        for name in times
        if name not in (BASE, OURS)
    ]
    return Result(
        "cold_retrieve",
        "One question, as a whole process, with the bundled model.",
        f"at most 0.38 of `python -c {BASE!r}`, at most a fifth of each peer",
        ["process", "wall, s (quartiles)", "CPU, s", "to ours"],
        _rows(times, OURS),
        verdict,
        {"chunks": chunks, "runs": options.runs},
    )


def cold_retrieve_openai(options: Options) -> Result:
    """Measure against a loopback server."""
    chunks = options.size(30_000, 100)
    folder = _folder(options, chunks)
    data = options.scratch / "static"
    hosted = options.scratch / "hosted"
    _run(programs.ours("ingest", str(folder), data=data))
    with serving(PEERS_DIMENSIONS, 0.0) as fast:
        own = {"KNOW_EMBEDDING_BATCH_SIZE": "256", "KNOW_EMBEDDING_CACHE_SIZE": "0"}
        _run(programs.ours("ingest", str(folder), data=hosted, url=fast, **own))
        with serving(PEERS_DIMENSIONS, LATENCY) as url:
            asked = corpus.question(7)
            calls = {
                OURS: programs.ours("retrieve", asked, "--mode", "hybrid", data=data),
                HOSTED: programs.ours("retrieve", asked, data=hosted, url=url, **own),
            }
            times = time_in_turn(calls, options.runs)
    ratio = times[HOSTED].median / (times[OURS].median + LATENCY)
    return Result(
        "cold_retrieve_openai",
        f"One question, as a whole process, against a server that answers after {LATENCY} s.",
        "at most 1.5 times the bundled model's figure plus the server's latency",
        ["process", "wall, s (quartiles)", "CPU, s", "to the bundled model"],
        _rows(times, OURS),
        [f"{ratio:.2f} times (at most 1.50)"],
        {"chunks": chunks, "dimensions": PEERS_DIMENSIONS, "runs": options.runs},
    )


def _folder(options: Options, chunks: int) -> Path:
    return corpus.write_markdown(options.scratch / "documents", chunks // corpus.SECTIONS)


def _filled_peers(options: Options, folder: Path, question: str) -> dict[str, programs.Call]:
    data = options.scratch / "peers"
    alone = options.scratch / "sections"
    if options.peers_python is not None:
        alone.mkdir(exist_ok=True)
        for number, text in enumerate(corpus.passages(folder)):
            (alone / f"{number:06}.md").write_text(text, encoding="utf-8")
    for name, call in programs.peers(options, "passages", str(folder), data).items():
        _run(programs.peers(options, "passages", str(alone), data)[name] if name == "llm" else call)
    return programs.peers(options, "ask", question, data)


def _run(call: programs.Call) -> float:
    return seconds(list(call.command), environment(**call.environment))


def _rows(times: dict[str, Times], base: str) -> list[list[str]]:
    least = times[base].median
    return [
        [name, one.shown, f"{statistics.median(one.cpu):.2f}", f"{one.median / least:.1f}"]
        for name, one in times.items()
    ]
