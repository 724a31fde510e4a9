"""The commands that are measured: the program's own, and the peers'."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.interleaved import Call

PEERS = Path(__file__).with_name("peers")
ROOT = PEERS.parent.parent
PLUGIN = PEERS / "llm_plugin"


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for.

    Parameters
    ----------
    small:
        Sizes that only show that the suite works.
    runs:
        How often each process is run.
    peers_python:
        The Python that has the peers; ``None`` leaves them out.
    """

    small: bool
    runs: int
    scratch: Path
    peers_python: Path | None = None
    scale: float = 1.0
    """The full sizes are multiplied with this."""

    def size(self, full: int, small: int) -> int:
        """Return a size for this run."""
        return small if self.small else max(small, round(full * self.scale))


def ours(*arguments: str, data: Path, url: str = "", **environment: str) -> Call:
    """Return a call of the program under test."""
    more = {"KNOW_DATA_DIR": str(data), **({"OPENAI_BASE_URL": url} if url else {}), **environment}
    return Call([sys.executable, "-m", "knowledge", *arguments], more)


def python(code: str) -> Call:
    """Return a call of Python that runs one line."""
    return Call([sys.executable, "-c", code])


def peers(
    options: Options, what: str, given: str, data: Path, *, url: str = "", batch: int = 64
) -> dict[str, Call]:
    """Return a call of each peer that does ``passages``, ``ingest`` or ``ask``."""
    if options.peers_python is None:
        return {}
    environment = {
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT, PEERS, PLUGIN))),
        "LLM_USER_PATH": str(data / "llm"),
        "BENCH_URL": url,
        "BENCH_BATCH": str(batch),
        "ANONYMIZED_TELEMETRY": "False",
    }
    calls = {}
    for name, program in {
        "LlamaIndex": "llama_index_pipeline",
        "LangChain": "langchain_chroma_index",
        "Chroma alone": "chroma_alone",
    }.items():
        (data / program).mkdir(parents=True, exist_ok=True)
        script = str(PEERS / f"{program}.py")
        command = [str(options.peers_python), script, what, str(data / program), given]
        calls[name] = Call(command, environment)
    calls["llm"] = Call(_llm(options.peers_python, what, given, data), environment)
    return calls


def _llm(python_of_peers: Path, what: str, given: str, data: Path) -> list[str]:
    """Return the call of ``llm``, which takes a file as one text and reads no PDF."""
    store = ["-d", str(data / "llm.db")]
    program = [str(python_of_peers), "-m", "llm"]
    if what == "ask":
        return [*program, "similar", "bench", *store, "-c", given]
    where = ["--store", "--files", given, "**/*.md"]
    return [*program, "embed-multi", "bench", "-m", "bench", *store, *where]
