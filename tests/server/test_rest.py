"""The REST face says what the command line says."""

from __future__ import annotations

import json
import time
from urllib.parse import quote

import pytest

from tests.chat_server import ChatServer
from tests.cli.test_terminal_safety import EVIL, assert_clean
from tests.conftest import check_schema

V1 = "/api/v1"


def got(reply, status=200):
    assert reply.status_code == status, reply.text
    check_schema(reply.json())
    return reply.json()


@pytest.fixture
def same(shared, run, monkeypatch):
    """Compare a reply with what the command line prints for the same data folder."""

    def call(path, *command, without=("took_ms",), **params):
        monkeypatch.setenv("KNOW_DATA_DIR", str(shared.data))
        told = run(*command, "--json").json
        found = got(shared.client.get(V1 + path, params=params))
        for name in without:
            told.pop(name, None), found.pop(name, None)
        assert found == told
        return found

    return call


def test_questions_have_the_same_hits(same):
    command = ("retrieve", "signing key", "-k", "2", "--file", "*.md", "--explain")
    params = {"query": "signing key", "top_k": 2, "files": "*.md", "explain": "true"}
    assert same("/retrieve", *command, **params)["hits"]


def test_posted_questions_have_the_same_hits(shared):
    asked = {"query": "key", "top_k": 3, "where": ["name exists"], "fold": False}
    posted = got(shared.client.post(f"{V1}/retrieve", json=asked))
    assert posted["top_k"] == 3


def test_similar_passages_are_the_same(same):
    assert same("/similar", "similar", "keys.md", target="keys.md")["hits"]


def test_a_reply_can_be_shown_on_a_terminal(shared):
    """What commands print as JSON escapes is escaped here too; letters stay."""
    asked = {"query": "key", "queries": [EVIL, "é"]}
    reply = shared.client.post(f"{V1}/retrieve", json=asked)
    assert got(reply)["queries"] == ["key", EVIL, "é"]
    assert '"é"' in reply.text
    assert_clean(reply.text)
    missing = shared.client.get(f"{V1}/{quote(EVIL, safe='')}")
    assert missing.status_code == 404
    assert_clean(missing.text)


def test_pages_questions_and_counts_are_the_same(same, shared):
    command = "retrieve key --query badge --offset 1 -k 2 --facets title".split()
    params = {"query": "key", "queries": "badge", "offset": 1, "top_k": 2, "facets": "title"}
    found = same("/retrieve", *command, **params)
    assert found["queries"] == ["key", "badge"]
    assert found["hits"][0]["rank"] == 2
    command = ("list-chunks", "-n", "2", "--offset", "1", "--sort", "-size")
    page = same("/datasets/default/chunks", *command, limit=2, offset=1, sort="-size")
    assert page["next_offset"] == 3
    wrong = shared.client.get(f"{V1}/datasets/default/chunks?limit=0")
    assert "limit" in got(wrong, 400)["error"]["message"]


def test_lists_are_the_same(same):
    same("/datasets", "list-datasets")
    same("/datasets/default", "get-dataset", "default")
    same("/datasets/default/files", "list-files")
    same("/datasets/default/files/keys.md", "get-file", "keys.md")
    same("/datasets/default/files/notes%2Fbadges.md", "get-file", "notes/badges.md")
    same("/datasets/default/files/keys.md", "get-file", "keys.md", "--text", text="true")
    same("/datasets/default/history", "history", "default")
    same("/datasets/default/status", "status", "default", without=("bytes",))
    same("/status", "status", without=("bytes",))


def test_a_chunk_is_the_same(same, shared):
    hit = got(shared.client.get(f"{V1}/retrieve?query=key"))["hits"][0]
    same(f"/chunks/{hit['chunk_id']}", "show", hit["chunk_id"], "--before", "1", before=1)


def test_each_reply_names_the_generation(shared, run, corpus, monkeypatch):
    path = f"{V1}/retrieve?query=key"
    assert shared.client.get(path).headers["Knowledge-Generation"] == "default=1"
    for one in ("/datasets", "/datasets/default", "/datasets/default/files", "/status"):
        assert shared.client.get(V1 + one).headers["Knowledge-Generation"] == "default=1"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/retrieve", 400, "usage"),
        ("/retrieve?query=a&top_k=0", 400, "usage"),
        ("/retrieve?query=a&top_k=x", 400, "usage"),
        ("/retrieve?query=a&nonsense=1", 400, "usage"),
        ("/retrieve?query=a&query=b", 400, "usage"),
        ("/retrieve?query=a&datasets=none", 404, "dataset-not-found"),
        ("/retrieve?query=a&rerank=http://127.0.0.1:1/v1", 403, "reranker"),
        ("/retrieve?query=a&rerank=cross-encoder:/etc", 403, "reranker"),
        ("/datasets/none", 404, "dataset-not-found"),
        ("/datasets/default/files/none", 404, "file-not-found"),
        ("/datasets/default/files?status=odd", 400, "usage"),
        ("/chunks/0123456789", 404, "file-not-found"),
        ("/chunks/0123456789?before=-1", 400, "usage"),
        ("/jobs/none", 404, "job-not-found"),
        ("/nothing", 404, "not-found"),
    ],
)
def test_errors_have_a_status_and_a_code(shared, path, status, code):
    error = got(shared.client.get(V1 + path), status)["error"]
    assert error["code"] == code
    assert "`" not in error["message"]


@pytest.mark.parametrize("body", [b"{", b"[1]", b"[" * 50_000, b'{"query": 1}'])
def test_a_body_that_is_none_is_refused(shared, body):
    assert got(shared.client.post(f"{V1}/retrieve", content=body), 400)["error"]["code"] == "usage"


def test_a_path_of_the_servers_disk_is_not_told_from_one_that_is_not_there(shared):
    there = shared.client.get(f"{V1}/datasets/default/files/%2Fetc%2Fpasswd").json()
    missing = shared.client.get(f"{V1}/datasets/default/files/%2Fetc%2Fnothing").json()
    assert there == missing


def test_datasets_and_files_are_made_changed_and_deleted(client):
    made = got(client.post(f"{V1}/datasets", json={"name": "a/b", "metadata": {"x": 1}}), 201)
    assert made["dataset"]["metadata"] == {"x": 1}
    assert client.post(f"{V1}/datasets", json={"name": "a/b"}).status_code == 409
    changed = got(client.patch(f"{V1}/datasets/a%2Fb", json={"name": "c", "metadata": {"y": 2}}))
    assert (changed["dataset"]["name"], changed["dataset"]["metadata"]) == ("c", {"y": 2})
    got(client.delete(f"{V1}/datasets/c"))
    assert client.get(f"{V1}/datasets/c").status_code == 404
    file = f"{V1}/datasets/default/files/keys.md"
    assert got(client.patch(file, json={"metadata": {"a": 1}}))["file"]["metadata"]["a"] == 1
    got(client.delete(file))
    assert client.get(file).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/datasets"),
        ("PATCH", "/datasets/default"),
        ("DELETE", "/datasets/default"),
        ("PATCH", "/datasets/default/files/keys.md"),
        ("DELETE", "/datasets/default/files/keys.md"),
        ("POST", "/datasets/default/ingest"),
        ("POST", "/datasets/default/files?name=a.md"),
        ("DELETE", "/jobs/none"),
    ],
)
def test_a_reader_cannot_write(library, served, monkeypatch, method, path):
    monkeypatch.setenv("KNOW_SERVER_TOKEN", "writer")
    monkeypatch.setenv("KNOW_SERVER_READ_TOKEN", "reader")
    client = served(token="reader").client
    assert got(client.request(method, V1 + path, json={}), 403)["error"]["code"] == "read-only"
    assert client.get(f"{V1}/datasets").status_code == 200


def test_nobody_writes_to_a_read_only_server(library, served):
    client = served(read_only=True).client
    assert client.delete(f"{V1}/datasets/default").status_code == 403
    assert client.delete("/v1/vector_stores/default").status_code == 403
    assert client.get(f"{V1}/datasets/default").status_code == 200


def events_of(reply):
    name = None
    for line in reply.iter_lines():
        key, _, value = line.partition(": ")
        if key == "event":
            name = value
        elif key == "data":
            yield name, json.loads(value)


@pytest.fixture
def chat(monkeypatch):
    with ChatServer(["Every 90 days [1]."]) as server:
        monkeypatch.setenv("KNOW_CHAT_BASE_URL", server.base_url)
        monkeypatch.setenv("KNOW_CHAT_MODEL", "small")
        yield server


def test_an_answer_comes_whole_or_in_pieces(library, served, chat):
    client = served().client
    whole = got(client.post(f"{V1}/ask", json={"query": "signing key"}))
    assert whole["answer"] == "Every 90 days [1]."
    accepts = {"Accept": "text/event-stream"}
    with client.stream("POST", f"{V1}/ask", json={"query": "key"}, headers=accepts) as reply:
        events = list(events_of(reply))
    assert "".join(data["text"] for name, data in events if name == "piece") == whole["answer"]
    assert events[-1][0] == "answer"
    check_schema(events[-1][1])


def test_an_answer_that_fails_ends_in_an_error(client):
    accepts = {"Accept": "text/event-stream"}
    reply = client.post(f"{V1}/ask", json={"query": "key"}, headers=accepts)
    ((name, data),) = events_of(reply)
    assert (name, data["error"]["code"]) == ("error", "no-chat-model")
    assert got(client.post(f"{V1}/ask", json={"query": "key"}), 400)
    other = {"query": "key", "chat_model": "expensive"}
    assert client.post(f"{V1}/ask", json=other).status_code == 400


def test_ways_to_retrieve_are_compared(shared):
    body = {
        "queries": [{"query": "signing key", "file": "keys.md"}],
        "ways": [{"mode": "dense"}, {"mode": "keyword"}],
        "k": [1],
    }
    found = got(shared.client.post(f"{V1}/datasets/default/eval", json=body))
    assert [run["name"] for run in found["runs"]] == ["dense", "keyword"]
    assert found["runs"][0]["measures"][0]["recall"] == 1
    wrong = {"queries": [{"odd": 1}]}
    error = got(shared.client.post(f"{V1}/datasets/default/eval", json=wrong), 400)["error"]
    assert "/" not in error["message"]


# Ingest


def ended(client, reply, state="done"):
    job = got(reply, 202)["job"]
    with client.stream("GET", f"{V1}/jobs/{job['id']}/events") as events:
        seen = list(events_of(events))
    for _, data in seen:
        check_schema(data)
    assert seen[-1][0] == "end"
    last = got(client.get(f"{V1}/jobs/{job['id']}"))["job"]
    assert last == seen[-1][1]["job"]
    assert last["state"] == state, last
    return last


def test_sent_files_are_ingested(served):
    client = served().client
    form = {"metadata": json.dumps({"team": "ops"})}
    files = [("files", ("a.md", b"# Apples\n\nred")), ("files", ("sub/b.txt", b"pears are green"))]
    job = ended(client, client.post(f"{V1}/datasets/new/files", files=files, data=form))
    assert job["report"]["files"]["ingested"] == 2
    raw = client.post(f"{V1}/datasets/new/files?name=c.txt", content=b"plums are blue")
    ended(client, raw)
    listed = got(client.get(f"{V1}/datasets/new/files"))["files"]
    assert [one["file"] for one in listed] == ["a.md", "c.txt", "sub/b.txt"]
    assert listed[0]["metadata"]["team"] == "ops"
    assert got(client.get(f"{V1}/jobs"))["jobs"][0]["dataset"] == "new"


@pytest.mark.parametrize("name", ["", "../a.md", "/etc/passwd", "a\nb.md", "-"])
def test_the_name_of_a_sent_file_is_no_path(served, name):
    reply = served().client.post(f"{V1}/datasets/new/files", params={"name": name}, content=b"x")
    assert got(reply, 400)["error"]["code"] == "usage"


def test_sent_files_are_gone_when_they_are_ingested(served, tmp_path, monkeypatch):
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    running = served()
    (folder,) = (tmp_path / "temporary").iterdir()
    assert folder.stat().st_mode & 0o077 == 0
    reply = running.client.post(f"{V1}/datasets/new/files?name=a.txt", content=b"apples")
    ended(running.client, reply)
    deadline = time.monotonic() + 60
    while any(folder.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(folder.iterdir())


def test_a_form_goes_straight_into_the_private_folder(served, tmp_path, monkeypatch):
    """No byte of it lies elsewhere meanwhile, and nothing is left of one that is refused."""
    import tempfile

    temporary = tmp_path / "temporary"
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    temporary.mkdir()
    running = served()
    (folder,) = temporary.iterdir()

    def fails(*_arguments, **_options):
        raise AssertionError("another temporary file")

    for name in ("SpooledTemporaryFile", "TemporaryFile", "NamedTemporaryFile"):
        monkeypatch.setattr(tempfile, name, fails)
    large = [("files", ("a.txt", b"word " * 500_000)), ("files", ("b.txt", b"pears"))]
    path = f"{V1}/datasets/new/files"
    assert running.client.post(path, files=large, data={"nonsense": "1"}).status_code == 400
    assert running.client.post(path, files=large, data={"force": "{"}).status_code == 400
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    unended = b'--x\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\nword'
    for body in (b"no form", unended):
        assert running.client.post(path, content=body, headers=broken).status_code == 400
    assert not any(folder.iterdir())
    small = [("files", ("a.txt", b"apples")), ("files", ("b.txt", b"pears"))]
    job = ended(running.client, running.client.post(path, files=small))
    assert job["report"]["files"]["ingested"] == 2


def test_paths_below_roots_are_ingested(served, corpus):
    client = served(roots=[str(corpus)]).client
    job = ended(client, client.post(f"{V1}/datasets/new/ingest", json={"paths": ["."]}))
    assert job["report"]["files"]["ingested"] == 5
    again = {"paths": [str(corpus / "notes")], "include": ["*.md"], "dry_run": True}
    job = ended(client, client.post(f"{V1}/datasets/new/ingest", json=again))
    assert job["report"]["files"]["unchanged"] == 1


@pytest.mark.parametrize(
    "path", ["/etc", "../outside", "..", "notes/../../outside", "link", "https://example.org", "\0"]
)
def test_no_path_outside_the_roots_is_ingested(served, corpus, path):
    (corpus.parent / "outside").mkdir()
    (corpus / "link").symlink_to(corpus.parent / "outside")
    client = served(roots=[str(corpus)]).client
    reply = client.post(f"{V1}/datasets/new/ingest", json={"paths": [path]})
    if path.startswith("https"):  # a name below the root, which does not exist
        assert ended(client, reply, "failed")["error"]["code"] == "path-not-found"
    else:
        assert got(reply, 403)["error"]["code"] == "path"


def test_a_link_inside_a_root_does_not_lead_out_of_it(served, corpus):
    outside = corpus.parent / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("a secret of somebody else")
    (corpus / "link").symlink_to(outside)
    (corpus / "one.txt").symlink_to(outside / "secret.txt")
    client = served(roots=[str(corpus)]).client
    ended(client, client.post(f"{V1}/datasets/new/ingest", json={"paths": ["."]}))
    hits = got(client.get(f"{V1}/retrieve?query=secret&datasets=new&mode=keyword"))["hits"]
    assert not hits


def test_without_roots_no_path_is_ingested(served, corpus):
    reply = served().client.post(f"{V1}/datasets/new/ingest", json={"paths": [str(corpus)]})
    assert got(reply, 403)["error"]["code"] == "path"


def test_a_cancelled_job_ends(served, tmp_path):
    many = tmp_path / "many"
    many.mkdir()
    for number in range(3_000):
        (many / f"{number}.txt").write_text(f"text {number}")
    client = served(roots=[str(many)]).client
    reply = client.post(f"{V1}/datasets/new/ingest", json={"paths": ["."]})
    client.delete(f"{V1}/jobs/{reply.json()['job']['id']}")
    ended(client, reply, "cancelled")


def test_sent_files_are_read_when_their_turn_comes(served, monkeypatch):
    """No job holds the bytes of its files: they are read where they wait."""
    from pathlib import Path

    read = Path.read_bytes

    def read_bytes(self):
        assert "apples" not in self.name
        assert self.stat().st_size < 1_000_000, "a file is read as a whole"
        return read(self)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    client = served().client
    files = [("files", ("a.txt", b"apples " * 300_000)), ("files", ("a.txt", b"pears are green"))]
    job = ended(client, client.post(f"{V1}/datasets/new/files", files=files))
    assert job["report"]["files"]["ingested"] == 1  # of one name the last counts
    (hit,) = got(client.get(f"{V1}/retrieve?query=pears&datasets=new"))["hits"]
    assert hit["text"] == "pears are green"


def test_files_are_listed_by_pages(served, run, tmp_path):
    from tests.conftest import write_files

    names = [f"{number:03}.txt" for number in range(25)]
    write_files(tmp_path / "many", {name: f"number {name}" for name in names})
    write_files(tmp_path / "many", {"Äpfel.TXT": "red", "x.pdf": b"%PDF-1.4 no", "y.txt": ""})
    run("ingest", tmp_path / "many", "-d", "many")
    client = served().client
    path = f"{V1}/datasets/many/files"

    def pages(**fields):
        cursor, found = None, []
        while True:
            more = {"cursor": cursor} if cursor else {}
            page = got(client.get(path, params={"limit": 10, **fields, **more}))
            rows = [*page["files"], *page["missed"]]
            assert len(rows) <= 10
            found += [one["file"].rpartition("/")[2] for one in rows]
            cursor = page["next_cursor"]
            if cursor is None:
                return found, page["counts"]

    found, counts = pages()
    assert found == [*names, "Äpfel.TXT", "x.pdf", "y.txt"]
    assert counts == {"ingested": 26, "failed": 1, "empty": 1, "unsupported": 0}
    assert pages(status="ingested")[0] == found[:26]
    assert pages(status="missed", limit=1)[0] == found[26:]
    assert pages(contains="äPFEL") == (
        ["Äpfel.TXT"],
        {**counts, "ingested": 1, "failed": 0, "empty": 0},
    )
    assert len(got(client.get(path))["files"]) == 26
    assert client.get(path, params={"cursor": "odd", "limit": 1}).status_code == 400


def test_sent_files_are_read_by_processes_of_their_own(served, monkeypatch):
    from knowledge.ingestion.workers import crew

    def fails(*_):
        raise AssertionError("read in the server's process")

    monkeypatch.setattr(crew, "load_file", fails)
    client = served().client
    page = b"<html><body><h1>Apples</h1><p>Apples are red.</p></body></html>"
    files = [("files", ("a.html", page))]
    job = ended(client, client.post(f"{V1}/datasets/new/files", files=files))
    assert job["report"]["files"]["ingested"] == 1


@pytest.mark.slow
def test_of_many_files_few_are_sent(library, served, data_dir, monkeypatch):
    from knowledge.storage.columns import ChunkColumns
    from knowledge.storage.local.catalog.catalog import Catalog
    from knowledge.storage.local.layout import DataFolder

    with Catalog(DataFolder(data_dir)) as catalog, catalog.transaction():
        catalog.connection.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
            "INSERT INTO files (dataset, id, path, name, size, mtime_ns, content_hash, chunks, "
            "tokens, metadata, given, ingested_at, added) "
            "SELECT dataset, id || i, '/many/' || i || '.md', i || '.md', size, mtime_ns, "
            "content_hash, 0, 0, metadata, given, ingested_at, added "
            "FROM files, n WHERE name = 'keys.md'"
        )
    read = []
    own = ChunkColumns._read_files

    def counted(self, snapshot):
        read.append(1)
        return own(self, snapshot)

    monkeypatch.setattr(ChunkColumns, "_read_files", counted)
    client = served().client
    path = f"{V1}/datasets/default/files"
    for fields in ({}, {"contains": ".MD"}, {"status": "ingested", "cursor": "f/many/5"}):
        reply = client.get(path, params={"limit": 100, **fields})
        assert len(got(reply)["files"]) == 100
        assert len(reply.content) < 100_000
    assert got(reply)["counts"]["ingested"] > 20_000
    for _ in range(3):
        reply = client.get(f"{V1}/datasets/default/filters")
        assert {one["name"]: one["files"] for one in got(reply)["types"]}[".md"] > 20_000
        assert len(reply.content) < 20_000
    assert read == [1]
    stores = client.get("/v1/vector_stores/default/files?limit=100")
    assert len(stores.json()["data"]) == 100
