"""What goes through a worker's pipe is what comes out of it."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from knowledge.documents.options import LoadOptions
from knowledge.ingestion.workers.loading import LoadTask, failed, load_file, with_terms
from knowledge.ingestion.workers.messages import (
    TaskPacker,
    TaskUnpacker,
    pack_answer,
    unpack_answer,
)
from knowledge.model import SplitterSpec

TASK = LoadTask("/a.md", "/a.md", SplitterSpec(), 1 << 20, LoadOptions(passwords=("x",)), size=9)


def test_tasks_share_what_they_have_in_common() -> None:
    tasks = [
        TASK,
        replace(TASK, path="/b.md", known_hash="ab", content=b"text", name="c.txt"),
        replace(TASK, options=LoadOptions(html="full")),
        replace(TASK, splitter=None, max_file=3),
        TASK,
    ]
    packer, unpacker = TaskPacker(), TaskUnpacker()
    messages = [pickle.dumps(packer.pack(task)) for task in tasks]
    assert [unpacker.unpack(pickle.loads(message)) for message in messages] == tasks
    assert len(messages[1]) < len(messages[0]) / 2


@pytest.mark.parametrize("name", ["handbook.md", "prices.csv", "nothing.txt", "a.zip"])
def test_answers_come_back_with_their_task(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("# Keys\n\nRotate, them.\n" if name != "nothing.txt" else "", encoding="utf-8")
    task = LoadTask(str(path), name, SplitterSpec(), 1 << 20)
    for answer in (with_terms(load_file(task)), failed(task, "no reason")):
        assert unpack_answer(pickle.loads(pickle.dumps(pack_answer(answer))), task) == answer
