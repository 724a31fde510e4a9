"""Passages embedded where they are read: the vectors, counts and errors are the pool's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from knowledge.embeddings.choice import choose
from knowledge.embeddings.local import static
from knowledge.embeddings.pool.opening import pool_for
from knowledge.embeddings.portable import PortableModel
from knowledge.errors import RemoteError
from knowledge.ingestion.request import RunRequest
from knowledge.ingestion.run.session import ingest
from knowledge.ingestion.workers.embedding import PassageEmbedder
from knowledge.ingestion.workers.loading import LoadedFile, LoadTask
from knowledge.ingestion.workers.process_crew import ProcessCrew
from knowledge.model import FileStatus, IngestReport, Passage
from knowledge.settings.reading import Settings
from knowledge.storage.local.layout import DataFolder
from knowledge.storage.local.store import LocalStore
from tests.conftest import write_files
from tests.durability.invariants import check_clean, vectors
from tests.ingestion.run.steps import settings
from tests.ingestion.thread_crew import ThreadCrew

TEXTS = [f"Text {number} of {'much ' * number}\n\nwords." for number in range(40)]
FILES = {
    **{f"{number}.md": f"# File {number}\n\n{text}" for number, text in enumerate(TEXTS)},
    "twice.txt": "A sentence that comes twice.",
    "again.txt": "A sentence that comes twice.",
    "long.md": f"# First\n\n{'alpha beta ' * 300}\n\n# Second\n\n{'gamma delta ' * 300}",
}


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    write_files(tmp_path / "docs", FILES)
    return tmp_path / "docs"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the texts that the model of this process is asked for from now on."""
    found: list[str] = []
    embed = static.StaticEmbedder.embed_documents

    def told(self: Any, texts: Any) -> Any:
        found.extend(texts)
        return embed(self, texts)

    monkeypatch.setattr(static.StaticEmbedder, "embed_documents", told)
    return found


def run(data: Path, docs: Path, crew: Any, **options: Any) -> IngestReport:
    store = LocalStore(DataFolder(data))
    request = RunRequest([docs], **options)
    given = settings(data.parent)
    return ingest(store, "default", request, given, create=True, notify=lambda _: None, crew=crew)


def model(folder: Path, **environ: str) -> PortableModel | None:
    given = {"KNOW_EMBEDDING_MODEL_PROVIDER": "static", **environ}
    return PortableModel.for_readers(choose(None, Settings.read(environ=given, folder=folder)))


def loaded(*texts: str, model: PortableModel | None) -> LoadedFile:
    task = LoadTask("a.txt", "a.txt", None, 0, model=model)
    passages = tuple(Passage(number, text, 1, 0, len(text)) for number, text in enumerate(texts))
    return LoadedFile(task, FileStatus.INGESTED, passages=passages)


def test_readers_make_the_vectors_and_counts_of_the_pool(
    tmp_path: Path, docs: Path, asked: list[str]
) -> None:
    by_readers = run(tmp_path / "readers", docs, ProcessCrew(2, 60.0))
    assert asked == []
    by_pool = run(tmp_path / "pool", docs, ThreadCrew(2))
    assert len(asked) == by_pool.embedded == by_pool.chunks_added - 1
    made, wanted = vectors(tmp_path / "readers"), vectors(tmp_path / "pool")
    assert made.keys() == wanted.keys()
    assert all(np.array_equal(made[chunk], wanted[chunk]) for chunk in wanted)
    assert (by_readers.embedded, by_readers.tokens) == (by_pool.embedded, by_pool.tokens)
    check_clean(tmp_path / "readers")


@pytest.mark.parametrize("texts", [["one"], TEXTS, ["same words", "same words"], ["\ud800 lone"]])
def test_a_text_has_the_vector_that_a_pool_gives_to_it(tmp_path: Path, texts: list[str]) -> None:
    found = PassageEmbedder().with_vectors(loaded(*texts, model=model(tmp_path)))
    with pool_for(choose(None, settings(tmp_path))) as pool:
        wanted = pool.embed(texts)
        tokens = pool.stats.tokens
    assert found.vectors == wanted.tobytes()
    assert sum(dict(zip(texts, found.vector_tokens, strict=True)).values()) == tokens


def test_texts_that_are_made_anew_are_embedded_as_they_become(
    tmp_path: Path, docs: Path, asked: list[str]
) -> None:
    def finish(one: LoadedFile) -> LoadedFile:
        passages = (replace(passage, text=passage.text.upper()) for passage in one.passages)
        return replace(one, passages=tuple(passages))

    report = run(tmp_path / "data", docs, ProcessCrew(1, 60.0), finish=finish)
    assert report.embedded == len(asked)
    assert "A SENTENCE THAT COMES TWICE." in asked


def test_only_files_that_are_new_are_embedded_where_they_are_read(
    tmp_path: Path, docs: Path
) -> None:
    crew = Told(ThreadCrew(2, embeds=True))
    dry = run(tmp_path / "data", docs, crew, dry_run=True)
    assert not any(task.model for task in crew.tasks)  # a dry run
    first = run(tmp_path / "data", docs, crew)
    assert (first.embedded, first.chunks_added) == (dry.embedded, dry.embedded + 1)
    assert all(task.model for task in crew.tasks)
    (docs / "long.md").write_text(FILES["long.md"] + " and more.")
    write_files(docs, {"new.md": "Another one."})
    report = run(tmp_path / "data", docs, crew)
    assert {Path(task.shown).name: task.model is None for task in crew.tasks} == {
        "long.md": True,
        "new.md": False,
    }
    assert (report.embedded, report.chunks_reused) == (2, first.chunks_added - 1)
    assert run(tmp_path / "data", docs, crew, force=True).embedded == first.embedded + 1
    assert all(task.model for task in crew.tasks)
    check_clean(tmp_path / "data")


@pytest.mark.parametrize("embeds", [False, True])
def test_a_model_that_is_missing_is_the_error_of_the_run(
    tmp_path: Path, docs: Path, monkeypatch: pytest.MonkeyPatch, embeds: bool
) -> None:
    static._read_vectors.cache_clear()
    monkeypatch.setattr(static, "_WEIGHTS", Path("weights", "not there"))
    with pytest.raises(RemoteError, match="weights/not there is missing") as caught:
        run(tmp_path / "data", docs, ThreadCrew(2, embeds))
    assert "pip install" in caught.value.hint


def test_what_goes_wrong_in_a_reader_is_left_to_the_pool(
    tmp_path: Path, docs: Path, monkeypatch: pytest.MonkeyPatch, asked: list[str]
) -> None:
    def fail(*_: Any) -> Any:
        opened.append(1)
        raise MemoryError

    opened: list[int] = []
    monkeypatch.setattr(PortableModel, "open", fail)
    assert run(tmp_path / "data", docs, ThreadCrew(2, embeds=True)).embedded == len(asked)
    opened.clear()
    embedder = PassageEmbedder()
    for _ in range(3):
        assert embedder.with_vectors(loaded("text", model=model(tmp_path))).vectors == b""
    assert len(opened) == 1


@pytest.mark.parametrize(
    "answer",
    [
        lambda answer: replace(answer, counts=None),
        lambda answer: replace(answer, vectors=answer.vectors * 0),
        lambda answer: replace(answer, vectors=answer.vectors * np.nan),
        lambda answer: replace(answer, vectors=answer.vectors[:1]),
        lambda answer: replace(answer, vectors=answer.vectors[[0, 0]]),
    ],
)
def test_an_answer_of_no_use_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Callable[[Any], Any]
) -> None:
    embed = static.StaticEmbedder.embed_documents
    monkeypatch.setattr(
        static.StaticEmbedder, "embed_documents", lambda self, texts: answer(embed(self, texts))
    )
    given = loaded("a dog barks", "two cats sleep", model=model(tmp_path))
    assert PassageEmbedder().with_vectors(given) == given


@pytest.mark.parametrize(
    "environ",
    [
        {"KNOW_EMBEDDING_MODEL_PROVIDER": "onnx:all-MiniLM-L6-v2"},
        {"KNOW_EMBEDDING_MODEL_PROVIDER": "openai", "OPENAI_API_KEY": "sk-secret"},
        {"KNOW_EMBEDDING_RPM": "60"},
        {"KNOW_EMBEDDING_TPM": "60000"},
    ],
)
def test_heavy_models_and_limits_are_the_pools(tmp_path: Path, environ: dict[str, str]) -> None:
    assert model(tmp_path) is not None
    assert model(tmp_path, **environ) is None


class Told:
    """A crew that keeps the tasks of its last run."""

    def __init__(self, crew: Any) -> None:
        self.crew = crew
        self.tasks: list[LoadTask] = []

    def load_files(self, tasks: Iterable[LoadTask]) -> Any:
        self.tasks = []
        return self.crew.load_files(self._noted(tasks))

    def _noted(self, tasks: Iterable[LoadTask]) -> Any:
        for task in tasks:
            self.tasks.append(task)
            yield task
