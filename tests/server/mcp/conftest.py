"""The official client on the two transports, in both eras of the protocol."""

from __future__ import annotations

import sys
from functools import partial

import anyio
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from knowledge.server.bases import Bases
from knowledge.server.mcp.building import allowed, build
from knowledge.settings.reading import Settings
from tests.conftest import ROOT, write_files
from tests.durability import programs

DOCUMENTS = {
    "keys.md": "# Keys\n\n## Rotation\n\nRotate the signing key every 90 days.\n",
    "leave.md": "# Leave\n\nParental leave lasts fourteen weeks.\n",
    "long.txt": "\n".join(f"line {number} of a long report about herons" for number in range(400)),
}


@pytest.fixture
def documents(tmp_path):
    write_files(tmp_path / "docs", DOCUMENTS)
    return tmp_path / "docs"


@pytest.fixture
def ingested(run, documents):
    assert run("ingest", documents, "-d", "handbook", "-q").code == 0
    assert run("ingest", documents / "leave.md", "-d", "leave", "-q").code == 0
    return documents


@pytest.fixture
def agent(data_dir):
    """Do something with a client of the tools, without a transport: ``agent(work, root)``."""

    def call(work, *roots):
        settings = Settings.read(environ=programs.environment(data_dir), folder=ROOT)
        check = partial(allowed, roots=[str(root) for root in roots]) if roots else None
        bases = Bases(settings, 2, print)
        try:
            return asked(work, lambda: Client(build(bases, check=check)))
        finally:
            bases.close()

    return call


@pytest.fixture
def process(data_dir):
    """Do something with a client of ``knowledge mcp``: ``process(work, "--root", folder)``."""

    def call(work, *flags, mode="auto"):
        parameters = StdioServerParameters(
            command=sys.executable,
            args=["-m", "knowledge", "mcp", *map(str, flags)],
            env=programs.environment(data_dir),
            cwd=ROOT,
        )
        return asked(work, lambda: Client(stdio_client(parameters), mode=mode))

    return call


def asked(work, client):
    """Return what ``work`` makes of a client."""

    async def run():
        with anyio.fail_after(60):
            async with client() as opened:
                return await work(opened)

    return anyio.run(run)
