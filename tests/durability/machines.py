"""Two machines that ingest into one Postgres, and ask it, all at once.

    python -m tests.durability.machines --seconds 300

A machine is a network namespace with a host name of its own, which reaches the server by an
address and with a password; that takes root and ``iproute2``. Elsewhere it is a home of its own.
Each machine has two processes that ingest and two that ask, see :mod:`machine_work`. At the end
nothing must be left over, and all datasets must be what a fresh ingest makes.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from knowledge.knowledge_base import KnowledgeBase
from knowledge.settings.reading import Settings
from tests.durability import machine_work, programs
from tests.durability.contents import contents, same
from tests.postgres_server import PostgresProcess, running

ROOT = Path(__file__).parents[2]
PASSWORD = "s3cret of the machines"
_INSIDE = "ip netns exec {space} unshare --uts sh -c"
_GRACE = 240.0
"""Seconds that processes have to end after their time."""


@dataclass(frozen=True)
class Machine:
    """Where processes run."""

    name: str
    home: Path
    """Its own files; not where the documents are."""
    address: str
    """Of the database, as this machine reaches it."""
    inside: tuple[str, ...] = ()
    """The beginning of a command line that runs there."""

    def start(self, work: str, **order: Any) -> subprocess.Popen[str]:
        """Start a process there that does some work."""
        self.home.mkdir(exist_ok=True)
        env = programs.environment(
            self.home / "data",
            HOME=self.home,
            KNOW_STORE=self.address,
            PGPASSWORD=PASSWORD,
            OPENBLAS_NUM_THREADS=1,
            PYTHONPATH=ROOT,
        )
        module = [sys.executable, "-m", machine_work.__name__, work, json.dumps(order)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen([*self.inside, *module], env=env, cwd=self.home, text=True, **pipes)


@contextlib.contextmanager
def machines(home: Path) -> Iterator[tuple[PostgresProcess, list[Machine], str]]:
    """Give a server, two machines that reach it, and in words what they are."""
    names = ("machine-a", "machine-b")
    if not can_have_namespaces():
        with running() as server:
            yield server, [Machine(name, home / name, server.address) for name in names], "homes"
        return
    with contextlib.ExitStack() as stack:
        numbers = [os.getpid() % 100 * 2 + at for at in range(2)]
        spaces = [stack.enter_context(_namespace(number)) for number in numbers]
        server = stack.enter_context(running([host for _, host in spaces]))
        server.set_password(PASSWORD)
        yield (
            server,
            [
                Machine(
                    name,
                    home / name,
                    f"postgresql://postgres@{host}:{server.port}/postgres",
                    (*_INSIDE.format(space=space).split(), f'hostname {name} && exec "$@"', "sh"),
                )
                for name, (space, host) in zip(names, spaces, strict=True)
            ],
            "network namespaces",
        )


def can_have_namespaces() -> bool:
    """Tell whether this process may make namespaces, and has what it takes."""
    if sys.platform != "linux" or os.geteuid() or not all(map(shutil.which, ("ip", "unshare"))):
        return False
    test = ("unshare", "--net", "--uts", "sh", "-c", "ip link add know0 type veth peer name know1")
    return subprocess.run(test, capture_output=True, check=False).returncode == 0


@contextlib.contextmanager
def _namespace(number: int) -> Iterator[tuple[str, str]]:
    """Make a network namespace; give its name, and the address of this machine as it sees it."""
    space, net = f"know-{os.getpid()}-{number}", f"10.213.{number}"
    here, there = f"kn{number}h", f"kn{number}m"
    _ip("netns", "add", space)
    try:
        _ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", space)
        _ip("address", "add", f"{net}.1/30", "dev", here)
        _ip("link", "set", here, "up")
        _ip("-n", space, "address", "add", f"{net}.2/30", "dev", there)
        _ip("-n", space, "link", "set", there, "up")
        yield space, f"{net}.1"
    finally:
        _ip("netns", "delete", space)  # with its end of the link, and so the other


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def run(home: Path, seconds: float, pairs: int = 2) -> dict[str, Any]:
    """Let two machines work for a while; return what they did.

    Parameters
    ----------
    pairs:
        How many processes that ingest, and how many that ask, each machine has.

    Raises
    ------
    AssertionError
        An answer, a process or the end was wrong.
    """
    with machines(home) as (server, both, kind):
        docs = home / "docs"
        sets = {machine.name: [f"{machine.name}-{n}" for n in range(pairs)] for machine in both}
        datasets = [*chain.from_iterable(sets.values()), machine_work.SHARED]
        with contextlib.ExitStack() as stack:
            started = [
                (
                    work,
                    stack.enter_context(_ended(machine.start(work, seconds=seconds, **order))),
                )
                for machine in both
                for n, name in enumerate(sets[machine.name])
                for work, order in (
                    ("write", _writing(docs, machine.name, name, shares=n == 0)),
                    ("ask", {"datasets": datasets, "seed": n}),
                )
            ]
            told = _told(started, seconds)
        _check_end(server, home, docs, sets)
    return {"machines": kind, "seconds": seconds, **told}


def _writing(docs: Path, machine: str, name: str, *, shares: bool) -> dict[str, Any]:
    return {"docs": str(docs), "machine": machine, "name": name, "shares": shares}


@contextlib.contextmanager
def _ended(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def _told(started: Sequence[tuple[str, subprocess.Popen[str]]], seconds: float) -> dict[str, Any]:
    """Wait for all; return the sums of what they tell."""
    deadline = time.monotonic() + seconds + _GRACE
    sums: dict[str, int] = {"writers": 0, "readers": 0}
    said: set[str] = set()
    for work, process in started:
        out, err = process.communicate(timeout=max(1.0, deadline - time.monotonic()))
        assert process.returncode == 0, f"a process failed ({work}): {err}"
        assert not err, f"a process complained ({work}): {err}"
        answer = json.loads(out)
        said.update(told for told in answer.pop("said", []) if told.startswith("waiting for"))
        sums["writers" if work == "write" else "readers"] += 1
        for name, number in answer.items():
            sums[name] = sums.get(name, 0) + number
    return {**sums, "waits": len(said), "waited for": sorted(said)[:1]}


def _check_end(server: PostgresProcess, home: Path, docs: Path, sets: dict[str, list[str]]) -> None:
    """Check that all is clean, and what a fresh ingest makes of the documents."""
    options = {"data_dir": str(home / "end"), **machine_work.OPTIONS}
    settings = Settings.read(environ={}, store=server.address, **options)
    schema = f"{settings['store_schema']}_fresh"
    fresh = Settings.read(environ={}, store=server.address, store_schema=schema, **options)
    with KnowledgeBase(settings) as kb, KnowledgeBase(fresh) as other:
        kb.upkeep.remove_leftovers()
        report = kb.upkeep.doctor(offline=True)
        assert report.findings == (), report.findings
        for name in chain.from_iterable(sets.values()):
            other.ingest(docs / name, name)
        for machine in sets:
            other.ingest(docs / machine_work.shared_by(machine), machine_work.SHARED)
        for dataset in other.datasets.list():
            same(contents(kb, dataset.name), contents(other, dataset.name))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0, help="how long they work")
    parser.add_argument("--pairs", type=int, default=2, help="writers, and readers, a machine")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="machines-") as folder:
        print(json.dumps(run(Path(folder), asked.seconds, asked.pairs), indent=2))


if __name__ == "__main__":
    main()
