"""Embed with a local model on the nodes of a Ray cluster: the pool's requests go to actors.

Batches, further tries, checks, the cache and the order stay with the pool of the command, which
sees one more embedder.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from knowledge.embeddings.embedder import Embedder, Embeddings
from knowledge.errors import KnowledgeError, RemoteError, RemoteResponseError
from knowledge.ingestion.workers.ray_cluster import (
    START_SECONDS,
    TICK,
    RayCluster,
    check_version,
    last_line,
)

if TYPE_CHECKING:
    from knowledge.embeddings.portable import PortableModel

USER = "embedding"
AHEAD = 2
"""Requests that an actor holds: one is on its way while the other is embedded."""
MOST_AT_ONCE = 64
"""Requests under way where nobody says how many actors there are to be."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What an actor gives for a request: vectors or an error, and what the model had to say."""

    embeddings: Embeddings | None
    error: RemoteError | None = None
    notes: tuple[str, ...] = ()


class Encoder:
    """An actor: holds the model."""

    def __init__(self, model: PortableModel) -> None:
        self._model = model
        self._embedder: Embedder | None = None
        self._notes: list[str] = []

    def start(self) -> tuple[str, str]:
        """Return the version of this package on the node, and why it can't embed, if so."""
        try:
            self._embedder = self._model.open()
            if callable(report_to := getattr(self._embedder, "report_to", None)):
                report_to(self._notes.append)
            self._embedder.embed_documents(["knowledge"])  # so that the model is loaded
        except KnowledgeError as error:
            return version("knowledge"), error.in_full
        return version("knowledge"), ""

    def embed(self, texts: list[str]) -> _Answer:
        """Embed the texts of a request."""
        assert self._embedder is not None
        try:
            embeddings, error = self._embedder.embed_documents(texts), None
        except RemoteError as failure:
            embeddings, error = None, failure
        notes, self._notes[:] = tuple(self._notes), ()
        return _Answer(embeddings, error, notes)


@dataclass(eq=False, slots=True)
class _Member:
    """An actor, and the requests that it holds."""

    handle: Any
    starting: Any
    node: str
    is_ready: bool = False
    held: list[object] = field(default_factory=list)
    """In the order in which the actor takes them."""
    lost_over: object | None = None
    """The one that it was at when it was lost."""

    @property
    def has_room(self) -> bool:
        """True where it can be given one more."""
        return self.is_ready and len(self.held) < AHEAD


@dataclass(slots=True)
class _Actors:
    """All of them, as the threads of the pool share them."""

    members: list[_Member] = field(default_factory=list)
    since: float = 0.0
    lost_starting: int = 0
    why_not: str = ""


class RayEmbedder:
    """An embedder that has the actors of a cluster embed; else it is that of the command.

    Where no node has the model, the command embeds by itself, and says so.

    Parameters
    ----------
    here:
        The command's own embedder.
    workers:
        Most actors; 0 is one for each CPU.
    """

    def __init__(
        self, here: Embedder, model: PortableModel, cluster: RayCluster, workers: int
    ) -> None:
        self.spec = here.spec
        self.endpoint = here.endpoint
        self.max_input_tokens = here.max_input_tokens
        self.max_batch = here.max_batch
        self.cacheable = here.cacheable
        self.default_threads = AHEAD * workers if workers else MOST_AT_ONCE
        self.default_batch_size = getattr(here, "default_batch_size", None)
        self._here = here
        self._model = model
        self._cluster = cluster
        self._workers = workers
        self._notify = _say_nothing
        self._noted: set[str] = set()
        self._state = threading.Condition()
        self._actors: _Actors | None = None
        self._under_way = 0
        self._closed = False
        cluster.needed_by(USER)

    def report_to(self, notify: Any) -> None:
        """Tell what models have to say, and where they can't be loaded."""
        self._notify = notify
        if callable(report_to := getattr(self._here, "report_to", None)):
            report_to(notify)

    def prepare(self) -> None:
        """Start the actors once the cluster is joined."""
        with contextlib.suppress(CancelledError):
            self._started()

    def embed_documents(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts in an actor, shape (texts, dimensions).

        Raises
        ------
        RemoteError
            What the model raised, or the actor was lost over the texts.
        concurrent.futures.CancelledError
            The embedder was closed.
        """
        ray = self._started()
        answer = None
        while answer is None:  # the actor may be lost over another request
            request = object()
            member = self._taken(ray, request)
            if member is None:
                return self._here.embed_documents(texts)
            try:
                answer = self._answer(ray, member, request, list(texts))
            finally:
                self._give_back(member, request)
        for note in answer.notes:
            self._say(note)
        if answer.error is not None:
            raise answer.error
        assert answer.embeddings is not None
        # A copy: what Ray gives lies in its memory for as long as anybody looks at it.
        return replace(answer.embeddings, vectors=answer.embeddings.vectors.copy())

    def embed_query(self, text: str) -> Embeddings:
        """Embed one question, here."""
        return self._here.embed_query(text)

    def close(self) -> None:
        """End the actors, let requests under way fail, and leave the cluster; may be repeated."""
        with self._state:
            self._closed = True
            members = self._actors.members if self._actors else []
            self._state.notify_all()
        ray = self._cluster.joined(0)
        if ray is not None:
            for member in [*members]:
                with contextlib.suppress(Exception):  # it may be gone, with the cluster
                    ray.kill(member.handle)
        with self._state:
            self._state.wait_for(lambda: not self._under_way, 10 * TICK)
        self._cluster.release(USER)
        if callable(close := getattr(self._here, "close", None)):
            close()

    # The actors

    def _started(self) -> Any:
        """Return ``ray`` once the cluster is joined and actors are on their way."""
        while (ray := self._cluster.joined(TICK)) is None or self._closed:
            if self._closed:
                raise CancelledError
        with self._state:
            if self._actors is None and not self._closed:
                self._actors = _Actors(since=time.monotonic())
                for _ in range(self._workers or self._cluster.cpus):
                    self._start(ray, self._actors)
        return ray

    def _start(self, ray: Any, actors: _Actors) -> None:
        """Start an actor where fewest are for each CPU.

        It asks for no CPU of its own, or those that embed might keep all from those that read.
        """
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        node = _freest_node(ray, [member.node for member in actors.members])
        where = NodeAffinitySchedulingStrategy(node, soft=True) if node else "DEFAULT"
        actor = ray.remote(num_cpus=0, max_restarts=0, scheduling_strategy=where)(Encoder)
        handle = actor.remote(self._model)
        actors.members.append(_Member(handle, handle.start.remote(), node))

    def _taken(self, ray: Any, request: object) -> _Member | None:
        """Wait for an actor with room, and take a place in it; ``None`` when there will be none."""
        with self._state:
            while True:
                if self._closed or self._actors is None:
                    raise CancelledError
                self._look_at_starting(ray, self._actors)
                ready = [one for one in self._actors.members if one.has_room]
                if ready:
                    member = min(ready, key=lambda one: len(one.held))
                    member.held.append(request)
                    self._under_way += 1
                    return member
                if not self._actors.members:
                    return None
                self._state.wait(TICK / 10)

    def _look_at_starting(self, ray: Any, actors: _Actors) -> None:
        """Welcome the actors that have started; the lock is held."""
        starting = {one.starting: one for one in actors.members if not one.is_ready}
        if not starting:
            return
        ready, _ = ray.wait([*starting], num_returns=len(starting), timeout=0)
        for ref in ready:
            self._welcome(ray, actors, starting[ref])
        if any(member.is_ready for member in actors.members):
            actors.since = time.monotonic()
        elif actors.members and time.monotonic() - actors.since > START_SECONDS:
            actors.why_not = f"none started within {START_SECONDS:g} seconds"
            self._dismiss(ray, actors)
        if not actors.members:
            self._say(
                f"no node of the Ray cluster can embed, so this machine does: {actors.why_not}"
            )

    def _welcome(self, ray: Any, actors: _Actors, member: _Member) -> None:
        try:
            found, why_not = ray.get(member.starting)
        except ray.exceptions.RayTaskError as error:
            found, why_not = version("knowledge"), last_line(error)
        except ray.exceptions.RayError as error:
            actors.members.remove(member)
            actors.lost_starting += 1
            actors.why_not = last_line(error)
            if actors.lost_starting <= 3 + (self._workers or self._cluster.cpus):
                self._start(ray, actors)
            return
        try:
            check_version(found)
        except KnowledgeError as error:
            raise RemoteError(error.message, hint=error.hint, lasting=True) from error
        member.is_ready = not why_not
        if why_not:
            actors.why_not = why_not
            actors.members.remove(member)
            with contextlib.suppress(Exception):
                ray.kill(member.handle)

    def _dismiss(self, ray: Any, actors: _Actors) -> None:
        for member in actors.members:
            with contextlib.suppress(Exception):
                ray.kill(member.handle)
        actors.members.clear()

    def _answer(
        self, ray: Any, member: _Member, request: object, texts: list[str]
    ) -> _Answer | None:
        """Wait for the answer to a request; ``None`` where it is to be sent again."""
        ref = member.handle.embed.remote(texts)
        while not self._closed:
            ready, _ = ray.wait([ref], num_returns=1, timeout=TICK)
            if ready:
                break
        if self._closed:
            raise CancelledError
        try:
            answer: _Answer = ray.get(ref)
        except ray.exceptions.RayTaskError as error:  # the actor lives: a fault of code
            raise error.cause or error from error
        except ray.exceptions.RayError as error:
            over = self._lost(ray, member)
            if self._closed:
                raise CancelledError from error
            if over is not request:
                return None
            raise RemoteResponseError(
                f"a node of the Ray cluster was lost while it embedded: {last_line(error)}"
            ) from error
        return answer

    def _lost(self, ray: Any, member: _Member) -> object:
        """Start another actor for one that is gone; return the request that it was lost over."""
        with self._state:
            if member.lost_over is None:
                member.lost_over = member.held[0]
            if not self._closed and self._actors and member in self._actors.members:
                self._actors.members.remove(member)
                self._start(ray, self._actors)
            return member.lost_over

    def _give_back(self, member: _Member, request: object) -> None:
        with self._state:
            member.held.remove(request)
            self._under_way -= 1
            if self._closed:
                self._state.notify_all()
            else:
                self._state.notify()  # one place, for one of those who wait

    def _say(self, note: str) -> None:
        if note not in self._noted:
            self._noted.add(note)
            self._notify(note)


def _freest_node(ray: Any, taken: Sequence[str]) -> str:
    """Return the id of the node with the fewest of its CPUs taken; empty where none is known."""
    cpus = {one["NodeID"]: one["Resources"].get("CPU", 0) for one in ray.nodes() if one["Alive"]}
    usable = [node for node, count in cpus.items() if count]
    return min(usable, key=lambda node: (taken.count(node) + 1) / cpus[node], default="")


def _say_nothing(_: str) -> None:
    """Take a note and drop it."""
