"""SIGKILL of an ingest, of Postgres and of a Chroma server: who asks sees whole editions, always.

``KNOW_TEST_KILLS`` says how often each of them is killed.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from knowledge.errors import KnowledgeError, StoreServerError, VectorServerError
from knowledge.knowledge_base import KnowledgeBase
from knowledge.settings.reading import Settings
from tests.durability import editions, programs
from tests.durability.contents import contents, same
from tests.durability.dying_writer import DyingWriter
from tests.durability.programs import KILLS
from tests.postgres_server import running
from tests.storage.chroma_server import ChromaProcess

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows"),
]

NAME = "set"
SMALL = {"chunk_size": 40, "chunk_overlap": 0, "embedding_model_provider": "static"}
MODES = ("hybrid", "dense", "keyword")
_PAUSE = 0.05
"""Seconds between two questions of a reader."""


class Campaign:
    """Ingests one edition after the other, while some of these runs are killed.

    Parameters
    ----------
    environ:
        Which store it is.
    lost:
        What a server that was killed makes of a question; ``None`` where only runs are killed.
    """

    def __init__(
        self,
        home: Path,
        environ: Mapping[str, str],
        lost: type[KnowledgeError] | None = None,
    ) -> None:
        self._home, self._environ, self._lost = home, environ, lost
        self._docs, self._data = home / "docs", home / "data"
        self.settings = Settings.read(environ=environ, data_dir=str(self._data), **SMALL)
        self._tried = self._shown = 0
        self._seconds = 0.0
        self._chance = random.Random(1)
        self._end = threading.Event()
        self._failed: list[BaseException] = []

    def fight(self, kill: Callable[[int], None], revive: Callable[[], None]) -> None:
        """Kill so often; then one run is left alone, and must make what a first one would.

        Parameters
        ----------
        kill:
            Given the process that ingests.
        revive:
            Called when that has ended.
        """
        env = programs.environment(self._data, **self._environ)
        with DyingWriter(env, self._home) as writer:
            for _ in range(2):
                self._undisturbed(writer)
            with self._readers():
                kills = 0
                while kills < KILLS:
                    share = (kills + self._chance.random()) / KILLS
                    kills += self._disturbed(writer, share * self._seconds, kill)
                    revive()
                    self._look()
                self._undisturbed(writer)
        self._compare()

    def _undisturbed(self, writer: DyingWriter) -> None:
        begun = time.monotonic()
        self._begin(writer)
        assert writer.end() == 0
        self._seconds = time.monotonic() - begun
        self._shown = self._tried

    def _disturbed(self, writer: DyingWriter, seconds: float, kill: Callable[[int], None]) -> bool:
        """Kill in the middle of a run; false where that was over already."""
        process = self._begin(writer)
        time.sleep(seconds)
        kill(process)
        code = writer.end()
        if code == 0:
            self._seconds *= 0.85
            self._shown = self._tried
            return False
        assert code == (self._lost.exit_code if self._lost else -signal.SIGKILL)
        return True

    def _begin(self, writer: DyingWriter) -> int:
        self._tried += 1
        editions.write(self._docs, NAME, self._tried)
        return writer.begin(self._data, self._docs)

    def _look(self) -> None:
        """Ask as a new process would: what was published is there, and the rest all or nothing."""
        with KnowledgeBase(self.settings) as kb:
            found = asked(kb, "hybrid")
            assert not kb.upkeep.doctor(offline=True).damaged
        assert found in (self._shown, self._tried), f"{found}, not {self._shown} or {self._tried}"
        self._shown = found

    @contextmanager
    def _readers(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._read, args=(kept,)) for kept in (True, False)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._end.set()
            for thread in threads:
                thread.join()
        if self._failed:
            raise self._failed[0]

    def _read(self, kept: bool) -> None:
        last = turn = 0
        try:
            with KnowledgeBase(self.settings) as kb:
                while not self._end.is_set():
                    turn += 1
                    if not kept:
                        kb.close()
                    last = self._asked(kb, MODES[turn % 3], last)
                    self._end.wait(_PAUSE)
        except BaseException as error:
            self._failed.append(error)

    def _asked(self, kb: KnowledgeBase, mode: str, last: int) -> int:
        try:
            found = asked(kb, mode)
        except KnowledgeError as error:
            if self._lost is None or not isinstance(error, self._lost):
                raise
            return last
        assert last <= found <= self._tried, f"edition {found} after {last}"
        return found

    def _compare(self) -> None:
        schema = f"{self.settings['store_schema']}_fresh"
        fresh = {**self._environ, "KNOW_STORE_SCHEMA": schema}
        undisturbed = Settings.read(environ=fresh, data_dir=str(self._home / "fresh"), **SMALL)
        with KnowledgeBase(self.settings) as kb, KnowledgeBase(undisturbed) as other:
            other.ingest(self._docs)
            same(contents(kb, "default"), contents(other, "default"))
            kb.upkeep.compact()
            kb.upkeep.remove_leftovers()
            same(contents(kb, "default"), contents(other, "default"))
            assert kb.upkeep.doctor(offline=True).findings == ()


def asked(kb: KnowledgeBase, mode: str) -> int:
    """Return the number of the edition that is published, which must be a whole one."""
    hits = kb.retrieve(editions.QUESTION, top_k=editions.ALL, mode=mode, fold=False)
    return editions.seen(hits)[NAME]


def kill_process(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has just ended
        os.kill(process, signal.SIGKILL)


def nothing() -> None:
    pass


@contextmanager
def running_chroma(folder: Path) -> Iterator[ChromaProcess]:
    server = ChromaProcess(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def test_an_ingest_into_postgres_is_killed(postgres: str, tmp_path: Path) -> None:
    schema = os.environ["KNOW_STORE_SCHEMA"]
    campaign = Campaign(tmp_path, {"KNOW_STORE": postgres, "KNOW_STORE_SCHEMA": schema})
    campaign.fight(kill_process, nothing)


def test_postgres_is_killed(tmp_path: Path) -> None:
    with running() as server:
        campaign = Campaign(tmp_path, {"KNOW_STORE": server.address}, StoreServerError)
        campaign.fight(lambda _: server.kill(), server.start)


def test_an_ingest_with_vectors_in_chroma_is_killed(tmp_path: Path) -> None:
    with running_chroma(tmp_path / "server") as server:
        campaign = Campaign(tmp_path, {"KNOW_VECTORS": server.address})
        campaign.fight(kill_process, nothing)
        check_equal(server.collections())


def test_a_chroma_server_is_killed(tmp_path: Path) -> None:
    with running_chroma(tmp_path / "server") as server:
        campaign = Campaign(tmp_path, {"KNOW_VECTORS": server.address}, VectorServerError)
        campaign.fight(lambda _: server.kill(), server.start)
        check_equal(server.collections())


def check_equal(collections: Mapping[str, int]) -> None:
    """Check that the dataset with a past holds no more vectors than the fresh one."""
    killed, fresh = collections.values()
    assert killed == fresh, "there are vectors that nobody needs"
