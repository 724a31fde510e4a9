from __future__ import annotations

import os
import subprocess
import sys

import pytest

from knowledge import KnowledgeBase
from tests.conftest import environment


@pytest.fixture(scope="session")
def exported(ingested_once, tmp_path_factory):
    """An archive with one dataset."""
    path = tmp_path_factory.mktemp("exported") / "out.zip"
    with KnowledgeBase.open(ingested_once[1]) as kb:
        kb.sharing.export("default", path)
    return path


@pytest.fixture
def start_process():
    """Start the command line in a process of its own, and give the process; ended at the end."""
    started = []

    def start(*arguments, env=None, **options):
        process = subprocess.Popen(
            [sys.executable, "-m", "knowledge", *map(os.fspath, arguments)],
            env=environment(env),
            **{
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                "text": True,
                **options,
            },
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()
