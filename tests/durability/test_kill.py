"""SIGKILL at random moments: nothing published is lost, nothing half-written is shown."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from knowledge.knowledge_base import KnowledgeBase
from tests.durability import programs
from tests.durability.invariants import (
    Published,
    check_clean,
    check_readable,
    published,
    same_content,
)
from tests.durability.programs import KILLS
from tests.openai_server import OpenAIServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows"),
]

QUESTIONS = ("amber basil cedar", "river saffron timber", "lantern meadow nectar")


@dataclass(frozen=True)
class Story:
    """A published base, and the same folder after it changed and grew."""

    docs: Path
    base: Path
    """Data folder with the first version, published."""
    before: Published
    after: Published
    """What a run that was never killed makes of it."""
    seconds: float
    """How long that run wrote."""
    env: Mapping[str, str]

    @property
    def line(self) -> list[str]:
        return programs.command("ingest", self.docs, "--prune", "--quiet")

    def on(self, data: Path) -> dict[str, str]:
        """Return the environment for a copy of the base."""
        return {**self.env, "KNOW_DATA_DIR": str(data)}


def make_story(folder: Path, *, files: int, paragraphs: int, **variables: object) -> Story:
    docs = folder / "docs"
    programs.write_folder(docs, 8, 6, seed=1)
    base, whole = folder / "base", folder / "whole"
    env = programs.environment(base, **variables)
    programs.run_json("ingest", docs, env=env)
    before = check_clean(base)

    programs.write_folder(docs, 2, 6, seed=2)  # two files are wholly new
    third = docs / "file2.txt"
    programs.write_text(third, third.read_text().replace("Note", "Edited note", 1))
    (docs / "file3.txt").unlink()
    (docs / "file4.txt").rename(docs / "moved.txt")
    programs.write_folder(docs / "more", files, paragraphs, seed=3, prefix="more")

    shutil.copytree(base, whole)
    env = {**env, "KNOW_DATA_DIR": str(whole)}
    line = programs.command("ingest", docs, "--prune", "--quiet")
    seconds = programs.seconds_of_writing(line, env)
    return Story(docs, base, before, check_clean(whole), seconds, env)


@pytest.fixture(scope="module")
def offline_story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Enough files for worker processes; one generation at the end."""
    return make_story(tmp_path_factory.mktemp("offline"), files=40, paragraphs=20)


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(latency=0.02) as running:
        yield running


@pytest.fixture(scope="module")
def online_story(tmp_path_factory: pytest.TempPathFactory, server: OpenAIServer) -> Story:
    """A slow provider and a checkpoint each second: several generations in a run."""
    return make_story(
        tmp_path_factory.mktemp("online"),
        files=50,
        paragraphs=8,
        OPENAI_BASE_URL=server.base_url,
        OPENAI_API_KEY="sk-test",
        KNOW_CHECKPOINT_SECONDS=1,
        KNOW_EMBEDDING_BATCH_SIZE=8,
        VS_EMBEDDING_PARALLEL_THREAD=1,
    )


def answers(env: Mapping[str, str]) -> list[list[tuple[str, str, float]]]:
    """Retrieve as a new process would; (path, text, cosine) of the hits of each question."""
    names = ("openai_base_url", "openai_api_key", "data_dir")
    variables = ("OPENAI_BASE_URL", "OPENAI_API_KEY", "KNOW_DATA_DIR")
    settings = {name: env.get(variable) for name, variable in zip(names, variables, strict=True)}
    folder = settings.pop("data_dir")
    with KnowledgeBase.open(folder, **settings) as kb:
        found = [kb.retrieve(question, top_k=5) for question in QUESTIONS]
    return [[(hit.file, hit.text, round(hit.cosine, 5)) for hit in hits] for hits in found]


def check_between(state: Published, story: Story) -> None:
    """Check that each file is wholly in its old or wholly in its new version."""
    old, new = story.before.files, story.after.files
    for path, chunks in state.files.items():
        versions = [version[path] for version in (old, new) if path in version]
        assert chunks in versions, f"{path} is half-written"
    for path in old.keys() & new.keys():
        assert path in state.files, f"{path} was lost"


class Campaign:
    """Kills run after run on the same dataset, at moments spread over a run's duration."""

    def __init__(self, story: Story, home: Path, seed: int) -> None:
        self.story = story
        self.kills = 0
        self.generations: set[int] = set()
        self._home = home
        self._chance = random.Random(seed)
        self._seconds = story.seconds
        self._start_over()

    def _start_over(self) -> None:
        """Begin again with the base; after runs that were done before their kill."""
        self.data = self._home / f"data{len(list(self._home.iterdir()))}"
        shutil.copytree(self.story.base, self.data)
        self.env = self.story.on(self.data)
        self._generation, self._shown = self.story.before.generation, answers(self.env)

    def kill(self) -> None:
        """Start a run, kill it and look at what it left."""
        share = (self.kills % KILLS + self._chance.random()) / KILLS
        if programs.kill_in_the_middle(self.story.line, self.env, share * self._seconds) == 0:
            same_content(check_clean(self.data), self.story.after)
            self._seconds *= 0.8
            self._start_over()
            return
        self.kills += 1
        self._check()

    def _check(self) -> None:
        state = check_readable(self.data)
        check_between(state, self.story)
        found = answers(self.env)
        assert state.generation >= self._generation
        if state.generation == self._generation:
            assert found == self._shown, "the published generation answers otherwise than before"
        for path, text, _ in (hit for hits in found for hit in hits):
            assert (path, text) in state.texts, f"a hit of {path} is not published"
        self._generation, self._shown = state.generation, found
        self.generations.add(state.generation)

    def finish(self) -> None:
        """Run once undisturbed, and compare with the run that was never killed."""
        report = programs.run_json("ingest", self.story.docs, "--prune", env=self.env)
        assert report["files"]["failed"] == 0
        same_content(check_clean(self.data), self.story.after)
        answer = programs.run_json("retrieve", QUESTIONS[0], "-k", 3, env=self.env)
        assert len(answer["hits"]) == 3


@pytest.mark.parametrize("seed", range(2))
def test_kills_lose_nothing(offline_story: Story, tmp_path: Path, seed: int) -> None:
    campaign = Campaign(offline_story, tmp_path, seed)
    while campaign.kills < KILLS:
        campaign.kill()
    campaign.finish()


def test_kills_pay_for_no_text_twice(
    online_story: Story, server: OpenAIServer, tmp_path: Path
) -> None:
    campaign = Campaign(online_story, tmp_path, 100)
    while campaign.kills < KILLS:
        kept, sent, data = cached(campaign.data), seen(server), campaign.data
        campaign.kill()
        check_not_paid_twice(server, kept, sent)
        assert cached(data) >= kept
    kept, sent = cached(campaign.data), seen(server)
    campaign.finish()
    check_not_paid_twice(server, kept, sent)


def test_checkpoints_are_published_between_kills(online_story: Story, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(online_story.base, data)
    env, first = online_story.on(data), online_story.before.generation
    # Each kill comes right after a checkpoint, until a run gets to its end.
    for expected in range(first + 1, first + 4):
        with programs.started(online_story.line, env) as process:
            programs.wait_until(
                lambda expected=expected, process=process: (
                    process.poll() is not None or published(data).generation >= expected
                ),
                "a checkpoint",
            )
            process.kill()
        state = check_readable(data)
        assert state.generation == expected
        check_between(state, online_story)
        if state.files == online_story.after.files:
            break
    report = programs.run_json("ingest", online_story.docs, "--prune", env=env)
    assert report["files"]["failed"] == 0
    same_content(check_clean(data), online_story.after)


def cached(data: Path) -> set[str]:
    """Return the keys of the texts whose vector is in the cache."""
    if not (data / "embeddings.db").exists():
        return set()
    with closing(sqlite3.connect(data / "embeddings.db", timeout=30)) as sql:
        return {bytes(key).hex() for (key,) in sql.execute("SELECT key FROM vectors")}


def seen(server: OpenAIServer) -> Counter[str]:
    """Return how often each text has reached the server, answered or not."""
    with server.lock:
        return Counter(text for request in server.requests for text in request.texts)


def check_not_paid_twice(server: OpenAIServer, kept: set[str], before: Counter[str]) -> None:
    """Check that no text was sent that was in the cache when the run began."""
    sent = seen(server) - before
    documents = [text for text in sent if text not in QUESTIONS]
    again = [text for text in documents if hashlib.sha256(text.encode()).hexdigest() in kept]
    assert not again, f"{len(again)} of {len(documents)} texts were embedded again"
    twice = [text for text, times in sent.items() if times > 1 and text not in QUESTIONS]
    assert not twice, f"{len(twice)} texts were sent twice in one run"
