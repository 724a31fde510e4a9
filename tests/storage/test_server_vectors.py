"""Datasets whose vectors a Chroma server keeps: every command, and what is refused."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from qdrant_client import QdrantClient

from knowledge.errors import UntrustedEndpointError, UsageError
from knowledge.settings.reading import Settings
from knowledge.storage.local.elsewhere.versions import FolderMarks
from knowledge.storage.local.layout import DataFolder
from knowledge.storage.local.vectors.folders import ChromaFolders
from knowledge.storage.servers.address import parse_address
from knowledge.storage.servers.chroma import ChromaServer
from knowledge.storage.servers.connections import Servers
from knowledge.storage.servers.index import ServerVectors
from knowledge.storage.servers.qdrant import QdrantServer
from tests.conftest import write_files
from tests.storage.chroma_server import ChromaProcess
from tests.storage.qdrant_servers import qdrant_servers

QUESTION = "Which day does a key change?"
MOVE = ("reembed", "default", "--embedding-model-provider", "static", "--force")


@dataclass(frozen=True)
class Collections:
    """What one test's collections on a server are."""

    server: ChromaProcess
    prefix: str

    def __call__(self) -> dict[str, int]:
        found = self.server.collections()
        return {name: count for name, count in found.items() if name.startswith(self.prefix)}


@pytest.fixture
def collections(chroma_server: ChromaProcess, monkeypatch: pytest.MonkeyPatch) -> Collections:
    """The collections of this test alone, on a server that the environment names."""
    prefix = f"test-{uuid.uuid4().hex[:8]}"
    monkeypatch.setenv("KNOW_VECTORS", chroma_server.address)
    monkeypatch.setenv("KNOW_COLLECTION_PREFIX", prefix)
    return Collections(chroma_server, prefix)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ChromaProcess]:
    """A server of this test's own, which the environment names."""
    server = ChromaProcess(tmp_path / "server")
    server.start()
    monkeypatch.setenv("KNOW_VECTORS", server.address)
    yield server
    server.kill()


def hits(run, dataset: str = "default") -> list[tuple[str, float]]:
    found = run("retrieve", QUESTION, "--dataset", dataset, "--json").json["hits"]
    return [(hit["name"], round(hit["score"], 6)) for hit in found]


@pytest.mark.slow
def test_answers_are_those_of_the_data_folder(collections, corpus, run, tmp_path, monkeypatch):
    run("ingest", corpus)
    served = hits(run)
    monkeypatch.delenv("KNOW_VECTORS")
    monkeypatch.setenv("KNOW_DATA_DIR", str(tmp_path / "plain"))
    run("ingest", corpus)
    assert served == hits(run)


@pytest.mark.slow
def test_every_command_works(collections, corpus, run, tmp_path):
    run("ingest", corpus)
    write_files(corpus, {"new.md": "# Parking\n\nPark behind the gasworks.\n"})
    (corpus / "menu.txt").unlink(missing_ok=True)
    assert run("ingest", corpus, "--prune").code == 0
    assert run("retrieve", "gasworks", "-k", "1", "--json").json["hits"][0]["name"] == "new.md"
    assert run("retrieve", QUESTION, "--mmr", "0.5").code == 0
    assert run("retrieve", QUESTION, "--mode", "dense", "--where", "name = new.md").code == 0
    assert run("similar", corpus / "new.md").code == 0
    before, archive = hits(run), tmp_path / "moved.zip"
    for command in (
        ["copy-dataset", "default", "copy"],
        ["rename-dataset", "copy", "moved"],
        ["export", "moved", "--output", archive],
        ["import", archive, "--as", "again"],
        ["reembed", "moved", "--embedding-model-provider", "static", "--force"],
        ["delete-file", "new.md", "--dataset", "again"],
        ["ingest", corpus, "--dataset", "again"],
        ["compact"],
        ["gc"],
        ["status"],
        ["doctor"],
    ):
        assert run(*command).code == 0, command
    assert hits(run, "moved") == hits(run, "again") == before
    asked = run("retrieve", QUESTION, "--archive", archive, "--json").json["hits"]
    assert asked[0]["name"] == before[0][0]
    for name in ("default", "moved", "again"):
        assert run("delete-dataset", name, "--yes").code == 0
    assert collections() == {}


def test_gc_forgets_what_a_killed_run_had_sent_too_late(collections, corpus, run):
    run("ingest", corpus)
    before, [(name, count)] = hits(run), collections().items()
    server = ChromaServer("chroma", collections.server.url)
    late = [f"{number:032x}.deadbeef" for number in range(3)]
    server.add(name, late, np.eye(3, 256, dtype=np.float32), "deadbeef")
    assert {one for page in server.names(name) for one in page} > set(late)
    told = run("gc", "--dry-run", "--json").json["removed"]
    assert [(one["kind"], one["name"].split()[0]) for one in told] == [("orphan-vectors", "3")]
    assert run("gc").code == 0
    assert collections() == {name: count}
    assert hits(run) == before
    assert run("gc", "--json").json["removed"] == []


@pytest.mark.filterwarnings("ignore:Local mode performs exact")
def test_what_a_server_can_t_be_asked_to_forget_is_not_forgotten(tmp_path):
    folder, servers = DataFolder(tmp_path), qdrant_servers(tmp_path)
    index = ServerVectors(FolderMarks(folder, "some", servers), servers)
    index.candidate(0).add(["f" * 32], np.eye(1, 4, dtype=np.float32))
    client = servers.at(servers.place)._open()
    assert client.get_collections().collections
    writer = ChromaFolders(folder, "some", servers=None).candidate(0)  # no server is known there
    writer.close()
    index.sweep(0)
    assert not client.get_collections().collections
    assert list(folder.dataset("some").iterdir()) == []


def test_a_qdrant_names_all_its_points():
    server = QdrantServer("qdrant", "", client=QdrantClient(":memory:"))
    server.create("some", 4)
    assert list(server.names("some")) == []
    points = [f"{number:032x}.run" for number in range(1_100)]  # more than a page
    server.add("some", points, np.tile(np.eye(4, dtype=np.float32), (275, 1)), "run")
    assert sorted(one for page in server.names("some") for one in page) == points


@pytest.mark.slow
def test_reset_empties_the_server_too(collections, corpus, run):
    run("ingest", corpus)
    assert collections()
    assert run("reset", "--yes").code == 0
    assert collections() == {}


@pytest.mark.slow
@pytest.mark.parametrize("lost", [slice(1), slice(None)])
def test_doctor_finds_what_the_server_lost_and_brings_it_back(collections, corpus, run, lost):
    run("ingest", corpus)
    before = hits(run)
    server = ChromaServer("chroma", collections.server.url)
    [name] = collections()
    listed = server._on(name, "POST", "get", {"include": []})["ids"]
    server.delete(name, listed[lost])
    assert run("retrieve", QUESTION).code == 7  # noticed before anything is answered
    checked = run("doctor", "--json").json
    assert [one["code"] for one in checked["findings"]] == ["index-damaged"]
    assert run("doctor", "--fix").code == 0
    assert hits(run) == before


@pytest.mark.slow
def test_doctor_finds_a_vector_that_was_changed(collections, corpus, run):
    run("ingest", corpus)
    before = hits(run)
    server = ChromaServer("chroma", collections.server.url)
    [name] = collections()
    points = server._on(name, "POST", "get", {"include": []})["ids"]
    [first], vectors = server.fetch(name, points[:1])
    server.add(name, [first], np.roll(vectors, 1), first.rpartition(".")[2])
    assert [one["code"] for one in run("doctor", "--json").json["findings"]] == ["index-damaged"]
    assert run("doctor", "--fix").code == 0
    assert hits(run) == before


@pytest.mark.slow
def test_vectors_elsewhere_are_an_error_until_they_are_moved(
    collections, corpus, run, monkeypatch, tmp_path
):
    run("ingest", corpus)
    before = hits(run)
    write_files(corpus, {"new.md": "# Parking\n\nPark behind the gasworks.\n"})
    monkeypatch.delenv("KNOW_VECTORS")
    for command in (["retrieve", QUESTION], ["ingest", corpus], ["similar", corpus / "keys.md"]):
        refused = run(*command)
        assert refused.code == 2
        assert "[vectors-elsewhere]" in refused.err
        assert collections.server.address in refused.err
    monkeypatch.setenv("KNOW_VECTORS", collections.server.address)
    assert hits(run) == before  # nothing was changed

    monkeypatch.delenv("KNOW_VECTORS")
    assert run("doctor", "--fix").code == 0
    assert hits(run) == before
    run("ingest", corpus)
    write_files(corpus, {"more.md": "# More\n\nMore of it.\n"})
    run("ingest", corpus)
    assert run("gc").code == 0  # no key is needed there
    assert collections() == {}

    monkeypatch.setenv("KNOW_VECTORS", collections.server.address)
    assert run("retrieve", QUESTION).code == 2
    assert run(*MOVE).code == 0
    assert run("retrieve", "gasworks", "-k", "1", "--json").json["hits"][0]["name"] == "new.md"


@pytest.mark.slow
def test_a_server_that_is_gone(own, corpus, run, tmp_path):
    run("ingest", corpus)
    before = hits(run)
    own.kill()
    for command in (
        ["retrieve", QUESTION],
        ["ingest", corpus],
        ["copy-dataset", "default", "two"],
        ["reset", "--yes"],
    ):
        failed = run(*command)
        assert failed.code == 5, command
        assert "[vector-server]" in failed.err
    assert [one["code"] for one in run("doctor", "--json").json["findings"]] == ["index-unchecked"]
    assert run("delete-dataset", "default", "--yes").code == 0
    own.start()
    assert own.collections()
    assert run("gc").code == 0
    assert own.collections() == {}
    run("ingest", corpus)
    assert hits(run) == before


def settings(folder: Path, **environ: str) -> Settings:
    return Settings.read(environ=environ, folder=folder)


def test_a_folder_does_not_send_the_key_elsewhere(tmp_path):
    (tmp_path / ".env").write_text("KNOW_VECTORS=chroma+https://elsewhere.example:8000\n")
    with pytest.raises(UntrustedEndpointError, match="CHROMA_API_KEY"):
        _ = Servers(settings(tmp_path, CHROMA_API_KEY="secret")).place
    assert Servers(settings(tmp_path)).place == "chroma+https://elsewhere.example:8000"


def test_only_the_server_of_the_settings_is_shown_the_key(tmp_path):
    servers = Servers(
        settings(tmp_path, KNOW_VECTORS="chroma+http://ours.example", CHROMA_API_KEY="secret")
    )
    ours, other = servers.at("chroma+http://ours.example:8000"), servers.at("chroma+http://x:1")
    assert ours._headers == {"X-Chroma-Token": "secret"}
    assert other._headers == {}


@pytest.mark.parametrize(
    ("environ", "place"),
    [
        ({"KNOW_VECTORS": "qdrant://ours.example"}, "qdrant+http://ours.example:6333"),
        ({"KNOW_VECTORS": "qdrant+https://q.example:443"}, "qdrant+https://q.example:443"),
        ({"KNOW_VECTORS": "qdrant", "QDRANT_HOST": "q"}, "qdrant+http://q:6333"),
        ({"KNOW_VECTORS": "qdrant://", "QDRANT_HOST": "https://q:9"}, "qdrant+https://q:9"),
        ({"QDRANT_HOST": "q"}, ""),
    ],
)
def test_where_qdrant_is(tmp_path, environ, place):
    assert Servers(settings(tmp_path, **environ)).place == place


def test_qdrant_without_a_host_is_refused(tmp_path):
    with pytest.raises(UsageError, match="host"):
        _ = Servers(settings(tmp_path, KNOW_VECTORS="qdrant")).place


def test_a_folder_does_not_send_the_key_of_qdrant_elsewhere(tmp_path):
    (tmp_path / ".env").write_text("KNOW_VECTORS=qdrant\nQDRANT_HOST=elsewhere.example\n")
    with pytest.raises(UntrustedEndpointError, match="QDRANT_API_KEY"):
        _ = Servers(settings(tmp_path, QDRANT_API_KEY="secret")).place


def test_a_qdrant_that_is_gone(corpus, run, monkeypatch):
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("KNOW_VECTORS", f"qdrant://127.0.0.1:{port}")
    monkeypatch.setenv("QDRANT_API_KEY", "top-secret")
    failed = run("ingest", corpus)
    assert failed.code == 5
    assert "[vector-server]" in failed.err
    assert "top-secret" not in failed.err + failed.out + run("config", "--json").out


@pytest.mark.parametrize(
    "text",
    ["http://host", "chroma+ftp://host", "chroma+http://", "pinecone://x", "chroma+http://h/one"],
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(UsageError, match="vectors"):
        parse_address(text)


def test_a_wrong_address_makes_nothing(corpus, run, monkeypatch, data_dir):
    monkeypatch.setenv("KNOW_VECTORS", "chrom+http://host")
    refused = run("ingest", corpus)
    assert refused.code == 2
    assert "KNOW_VECTORS" in refused.err
    assert not data_dir.exists()


def test_an_address_holds_no_password():
    with pytest.raises(UsageError) as refused:
        parse_address("chroma+http://me:secret@host:8000")
    assert "secret" not in refused.value.in_full


class Narrow(http.server.BaseHTTPRequestHandler):
    """A server that takes two vectors a request."""

    taken: ClassVar[list[int]] = []

    def do_GET(self) -> None:
        self._answer(200, b'{"id": "1", "max_batch_size": 100}')

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        count = body.count(b'"run"')
        self.taken.append(count)
        self._answer(200 if count <= 2 else 413, b"{}")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_a_batch_that_is_too_large_is_divided():
    Narrow.taken.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Narrow) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        client = ChromaServer("chroma", f"http://127.0.0.1:{server.server_port}")
        client.add("c", [f"{n}.r" for n in range(7)], np.eye(7, 8, dtype=np.float32), "r")
        server.shutdown()
    assert sum(count for count in Narrow.taken if count <= 2) == 7
    assert max(Narrow.taken) == 7
