"""Answers keep within their budget and lead on; filters choose; failing resources say why."""

from __future__ import annotations

import json

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from knowledge.retrieval.query import FITS_WELL
from tests.chat_server import ChatServer
from tests.conftest import write_files
from tests.server.mcp.conftest import asked
from tests.server.mcp.test_tools import said

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def client(served):
    """Do something with a client of a server in this process."""

    def call(work):
        running = served(read_only=True)
        return asked(work, lambda: Client(f"{running.url}/mcp"))

    return call


def test_a_state_goes_on_where_it_ended(run, tmp_path, client):
    write_files(tmp_path / "docs", {f"{n:02}.pdf": b"%PDF-1.4 broken" for n in range(30)})
    write_files(tmp_path / "docs", {"good.md": "Good."})
    run("ingest", tmp_path / "docs", "-d", "handbook", "-q")

    async def work(client):
        answers, cursor = [], None
        while True:
            more = {"cursor": cursor} if cursor else {}
            answers.append(await client.call_tool("status", {"max_tokens": 300, **more}))
            cursor = answers[-1].structured_content["next_cursor"]
            if cursor is None:
                return answers

    answers = client(work)
    assert len(answers) > 2
    rows = [one.structured_content["datasets"][0] for one in answers]
    assert {row["problem_count"] for row in rows} == {30}
    names = [problem["file"].rpartition("/")[2] for row in rows for problem in row["problems"]]
    assert names == [f"{n:02}.pdf" for n in range(30)]
    assert all("handbook" in said(one) for one in answers)


def test_a_passage_that_is_too_long_goes_on(ingested, client):
    async def work(client):
        given = {"query": "report herons", "dataset": "handbook", "limit": 1}
        found = (await client.call_tool("search", given)).structured_content["results"][0]
        whole = await client.call_tool("fetch", {"id": found["id"]})
        parts, cursor = [], None
        while True:
            given = {"id": found["id"], "max_tokens": 100}
            answer = await client.call_tool("fetch", {**given, "cursor": cursor})
            parts.append(answer.structured_content["text"])
            cursor = answer.structured_content["next_cursor"]
            if cursor is None:
                return whole.structured_content["text"], parts

    whole, parts = client(work)
    assert len(parts) > 2
    assert " ".join(parts).split() == whole.split()


def test_an_answer_that_is_too_long_says_that_it_is_cut(ingested, client, monkeypatch):
    with ChatServer(["Every 90 days [1]. " + "The key is rotated often. " * 200]) as server:
        monkeypatch.setenv("KNOW_CHAT_BASE_URL", server.base_url)
        monkeypatch.setenv("KNOW_CHAT_MODEL", "small")

        async def work(client):
            given = {"question": "key", "dataset": "handbook", "max_tokens": 100}
            return await client.call_tool("ask", given)

        answer = client(work)
    content = answer.structured_content
    assert content["answer"].startswith("Every 90 days [1].")
    assert len(content["answer"]) < 600
    assert content["note"] in said(answer)
    assert content["citations"][0]["citation"] in said(answer)


def test_files_are_chosen_by_name_and_by_metadata(run, documents, client):
    run("ingest", documents, "-d", "handbook", "-q", "--metadata", "team=ops")
    run("edit-file", "leave.md", "-d", "handbook", "--metadata", "team=people")

    async def work(client):
        given = {"query": "the key leave herons", "dataset": "handbook"}
        searched = await client.call_tool("search", {**given, "files": "*.md"})
        listed = await client.call_tool("list_files", {"filter": "team = people"})
        none = await client.call_tool("list_files", {"filter": "team = nobody"})
        wrong = await client.call_tool("list_files", {"filter": "team >>"})
        return searched, listed, none, wrong

    searched, listed, none, wrong = client(work)
    found = {one["file"].rpartition("/")[2] for one in searched.structured_content["results"]}
    assert found == {"keys.md", "leave.md"}
    assert [one["name"] for one in listed.structured_content["files"]] == ["leave.md"]
    assert none.structured_content["error"]["code"] == "file-not-found"
    assert wrong.structured_content["error"]["code"] == "usage"


def test_what_hardly_fits_is_said_as_on_the_command_line(ingested, client, run):
    question = "price of copper in Chile"

    async def work(client):
        given = {"query": question, "dataset": "handbook"}
        return await client.call_tool("search", given)

    answer = client(work).structured_content
    assert max(one["relevance"] for one in answer["results"]) < FITS_WELL
    assert "Nothing fits well" in answer["note"]
    assert "no passage fits well" in run("retrieve", question, "-d", "handbook").err


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("knowledge://datasets/nope", "dataset-not-found"),
        ("knowledge://datasets/nope/files/1", "dataset-not-found"),
        ("knowledge://datasets/handbook/files/none", "file-not-found"),
    ],
)
def test_a_resource_that_is_not_there_is_an_error_with_a_code(ingested, client, uri, code):
    async def work(client):
        with pytest.raises(MCPError) as raised:
            await client.read_resource(uri)
        listed = await client.read_resource("knowledge://datasets")
        return raised.value, listed

    error, listed = client(work)
    assert error.code == -32602
    assert error.data["code"] == code
    assert error.data["message"] in error.message
    assert json.loads(listed.contents[0].text)["datasets"]


def test_everything_has_a_title(ingested, client):
    async def work(client):
        templates = (await client.list_resource_templates()).resource_templates
        return [
            *(await client.list_tools()).tools,
            *(await client.list_resources()).resources,
            *(await client.list_prompts()).prompts,
            *templates,
        ]

    assert all(one.title for one in client(work))
