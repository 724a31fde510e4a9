"""MCP over HTTP: who gets which tools, and what a client of another machine learns."""

from __future__ import annotations

from contextlib import asynccontextmanager

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.server.mcp.conftest import asked
from tests.server.mcp.test_stdio import HELLO
from tests.server.mcp.test_tools import READING, said

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def with_token(url, token):
    @asynccontextmanager
    async def client():
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            httpx2.AsyncClient(headers=headers) as http,
            Client(streamable_http_client(url, http_client=http)) as opened,
        ):
            yield opened

    return client


async def tools_of(client):
    return {tool.name for tool in (await client.list_tools()).tools}


def test_a_token_for_reading_gets_only_tools_that_read(ingested, served, monkeypatch):
    monkeypatch.setenv("KNOW_SERVER_TOKEN", "a-long-secret")
    monkeypatch.setenv("KNOW_SERVER_READ_TOKEN", "another-secret")
    url = f"{served(roots=[str(ingested)]).url}/mcp"

    async def writes(client):
        given = {"file": "keys.md", "dataset": "handbook"}
        return await tools_of(client), await client.call_tool("delete_file", given)

    assert asked(tools_of, with_token(url, "a-long-secret")) > READING
    listed, refused = asked(writes, with_token(url, "another-secret"))
    assert listed == READING
    assert refused.is_error
    assert httpx2.post(url, json=HELLO).status_code == 401


FOREIGN = [
    ({"Host": "rebound.example.org"}, 421),
    ({"Origin": "https://evil.example.org"}, 403),
    ({"Origin": "null"}, 403),
    ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
]


def test_pages_and_names_that_are_foreign_are_refused(served):
    client = served().client
    client.headers["Accept"] = "application/json, text/event-stream"
    for headers, status in FOREIGN:
        assert client.post("/mcp", headers=headers, json=HELLO).status_code == status
        for method in ("GET", "DELETE"):
            assert client.request(method, "/mcp", headers=headers).status_code == status
    assert client.post("/mcp", json=HELLO).status_code == 200


def test_whether_a_file_exists_here_is_not_said(ingested, served, tmp_path):
    running = served(read_only=True)
    there, not_there = tmp_path / "docs", tmp_path / "none"

    async def work(client):
        return [
            await client.call_tool(tool, {"id": str(path), **given})
            for tool, given in (("fetch", {}), ("similar", {}), ("fetch", {"dataset": "leave"}))
            for path in (there, not_there)
        ]

    answers = asked(work, lambda: Client(f"{running.url}/mcp"))
    for known, unknown in zip(answers[::2], answers[1::2], strict=True):
        assert known.is_error
        assert said(known).replace(str(there), "") == said(unknown).replace(str(not_there), "")


def test_only_what_roots_and_the_web_hold_is_taken_in(ingested, served, tmp_path):
    """A link in a root leads out of it, and a repository on the disk is no address of the web."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text("A secret of somebody else.")
    (ingested / "link").symlink_to(tmp_path / "outside")
    (ingested / "one.txt").symlink_to(tmp_path / "outside" / "secret.txt")
    running = served(roots=[str(ingested)])

    async def work(client):
        taken = await client.call_tool("ingest", {"paths": ["."], "dataset": "new"})
        refused = [
            await client.call_tool("ingest", {"paths": [path], "dataset": "new"})
            for path in (f"git+file://{tmp_path}/outside", "git+ssh://host/repo", "ftp://host/a")
        ]
        return taken, refused

    taken, refused = asked(work, lambda: Client(f"{running.url}/mcp"))
    assert taken.structured_content["files"] == {"ingested": 3}
    assert [one.structured_content["error"]["code"] for one in refused] == ["path"] * 3


def test_a_connector_that_names_only_a_question_or_an_id_is_answered(run, documents, served):
    """ChatGPT's: search takes `query`, fetch takes `id`; the one dataset has another name."""
    assert run("ingest", documents, "-d", "handbook", "-q").code == 0
    running = served(read_only=True)

    async def work(client):
        found = (await client.call_tool("search", {"query": "signing key"})).structured_content
        ids = [one["id"] for one in found["results"]]
        return found, [(await client.call_tool("fetch", {"id": id_})) for id_ in ids]

    found, read = asked(work, lambda: Client(f"{running.url}/mcp"))
    assert all({"id", "title", "url"} <= set(one) for one in found["results"])
    assert found["generations"] == {"handbook": 1}
    for one, fetched in zip(found["results"], read, strict=True):
        assert not fetched.is_error
        content = fetched.structured_content
        assert {"id", "title", "text", "url", "metadata"} <= set(content)
        assert (content["id"], content["url"]) == (one["id"], one["url"])
        assert one["text"] in content["text"]
