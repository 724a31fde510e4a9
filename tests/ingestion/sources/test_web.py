"""Web pages and files as sources."""

from __future__ import annotations

import contextlib
import gzip
import threading
import time

import pytest

from knowledge.errors import FetchError, PrivateHostError
from knowledge.ingestion.sources import private_hosts
from knowledge.ingestion.sources.addresses import Page
from knowledge.ingestion.sources.fetch_limits import FetchLimits
from knowledge.ingestion.sources.private_hosts import checked_addresses, is_public
from knowledge.ingestion.sources.web import fetch, final_url, load_name, page_name
from tests import hostile_server as hostile
from tests.conftest import write_files
from tests.ingestion.sources.web_server import Answer, WebServer

HTML = b"<html><head><title>Gate</title></head><body><h1>Gate</h1><p>%s</p></body></html>"
GATE = HTML % (b"The gate code is 4711, and the gate closes at eight in the evening. " * 4)


@pytest.fixture
def web():
    server = WebServer()
    yield server
    server.close()


@pytest.fixture
def ingest(run):
    """Ingest with leave to ask this machine; return the report."""

    def call(*arguments, code=0):
        outcome = run("ingest", *arguments, "--allow-private-hosts", "--json")
        assert outcome.code == code, outcome.out
        return outcome.json

    return call


def stored(run):
    return {file["file"]: file for file in run("list-files", "--json").json["files"]}


def limits(**changes):
    return FetchLimits(**{"seconds": 10, "file_bytes": 1 << 20, "repository_bytes": 1 << 20,
                          "allow_private": True, **changes})  # fmt: skip


def got(url, tmp_path, **changes):
    """Fetch a page; return what is known of it and its bytes."""
    fetched = fetch(Page(url, url), limits(**changes), str(tmp_path / "page"), {})
    return fetched, (tmp_path / "page").read_bytes()


def test_a_page_is_cited_by_its_url(run, web, ingest):
    web.pages["/guide/gate"] = Answer(GATE, headers={"Content-Type": "text/html; charset=utf-8"})
    assert ingest(f"{web.url}/guide/gate#top")["files"]["ingested"] == 1
    (hit,) = run("retrieve", "gate code", "--json").json["hits"]
    assert hit["file"] == f"{web.url}/guide/gate"
    assert hit["name"] == "gate"
    assert "4711" in hit["text"]
    assert "<p>" not in hit["text"]
    assert run("get-file", f"{web.url}/guide/gate").code == 0
    assert run("delete-file", f"{web.url}/guide/gate").code == 0


def test_an_unchanged_page_is_not_sent_again(run, web, ingest):
    web.pages["/a.md"] = Answer(b"# A\n\nText.", headers={"ETag": '"1"'})
    ingest(f"{web.url}/a.md")
    report = ingest(f"{web.url}/a.md", "--metadata", "team=gate")
    assert report["files"]["unchanged"] == 1
    assert web.requests[-1][1]["If-None-Match"] == '"1"'
    assert stored(run)[f"{web.url}/a.md"]["metadata"]["team"] == "gate"
    ingest(f"{web.url}/a.md", "--force")
    assert "If-None-Match" not in web.requests[-1][1]


def test_a_page_without_marks_is_compared_by_content(run, web, ingest):
    web.pages["/a.md"] = Answer(b"# A\n\nText.", headers={"ETag": '"1"'})
    ingest(f"{web.url}/a.md")
    web.pages["/a.md"] = Answer(b"# A\n\nText.", headers={"ETag": '"2"'})
    assert ingest(f"{web.url}/a.md")["files"]["unchanged"] == 1
    ingest(f"{web.url}/a.md")
    assert web.requests[-1][1]["If-None-Match"] == '"2"'
    web.pages["/a.md"] = Answer(b"# A\n\nOther text.", headers={"ETag": '"3"'})
    report = ingest(f"{web.url}/a.md")
    assert report["files"]["ingested"] == 1
    assert len(stored(run)) == 1


def test_several_sources_and_one_that_fails(run, web, ingest, corpus):
    web.pages["/a.md"] = Answer(b"# A\n\nText.")
    report = ingest(f"{web.url}/nowhere", corpus, f"{web.url}/a.md", code=4)
    assert report["files"]["ingested"] == 6
    assert report["files"]["failed"] == 1
    (problem,) = report["problems"]
    assert problem["file"] == f"{web.url}/nowhere"
    assert "404" in problem["reason"]


@pytest.mark.parametrize(
    ("status", "code", "error"), [(404, 3, "path-not-found"), (401, 1, "fetch-failed"),
                                  (500, 1, "fetch-failed")]
)  # fmt: skip
def test_the_only_source_that_fails_is_an_error(run, web, status, code, error):
    web.pages["/a"] = Answer(b"no", status)
    outcome = run("ingest", f"{web.url}/a", "--allow-private-hosts", "--json")
    assert outcome.code == code
    assert outcome.json["error"]["code"] == error
    assert str(status) in outcome.json["error"]["message"]


def test_a_page_that_is_gone_stays_stored(run, web, ingest):
    web.pages["/a.md"] = Answer(b"# A\n\nText.")
    ingest(f"{web.url}/a.md")
    del web.pages["/a.md"]
    run("ingest", f"{web.url}/a.md", "--prune", "--allow-private-hosts")
    assert list(stored(run)) == [f"{web.url}/a.md"]


def test_secrets_are_neither_stored_nor_shown(run, web, ingest):
    web.pages["/a.md?token=s3cret&v=1"] = Answer(b"# A\n\nText.")
    url = f"http://ana:pa55word@127.0.0.1:{web.port}/a.md?token=s3cret&v=1"
    outcome = run("ingest", url, "--allow-private-hosts", "--verbose")
    assert outcome.code == 0
    assert web.requests[-1][1]["Authorization"].startswith("Basic ")
    (file,) = stored(run)
    assert file == f"{web.url}/a.md?token=********&v=1"
    web.pages.clear()
    failed = run("ingest", url, "--allow-private-hosts", "--debug")
    for text in (outcome.out + outcome.err, failed.out + failed.err):
        assert "s3cret" not in text
        assert "pa55word" not in text


def test_redirects_are_followed_but_not_for_ever(web, tmp_path):
    web.pages["/old"] = Answer(status=301, headers={"Location": "/new"})
    web.pages["/new"] = Answer(b"Text.")
    assert got(f"{web.url}/old", tmp_path)[1] == b"Text."
    assert final_url(f"{web.url}/old", limits()) == f"{web.url}/new"
    web.pages["/loop"] = Answer(status=302, headers={"Location": "/loop"})
    with pytest.raises(FetchError, match="more than 5 redirects"):
        got(f"{web.url}/loop", tmp_path)
    assert [path for path, _ in web.requests].count("/loop") == 6


def test_private_hosts_are_refused(run, web):
    for url in (web.url, f"http://localhost:{web.port}", f"http://[::ffff:127.0.0.1]:{web.port}/"):
        outcome = run("ingest", url, "--json")
        assert outcome.code == 1
        assert outcome.json["error"]["code"] == "private-host"
        assert "--allow-private-hosts" in outcome.json["error"]["hint"]
    assert web.requests == []


def test_private_hosts_are_allowed_by_a_setting(run, web, monkeypatch):
    monkeypatch.setenv("KNOW_ALLOW_PRIVATE_HOSTS", "1")
    web.pages["/"] = Answer(b"Text.")
    assert run("ingest", web.url).code == 0


def test_a_folder_allows_them_only_when_it_is_trusted(run, web):
    web.pages["/"] = Answer(b"Text.")
    with open(".env", "w") as file:
        file.write("KNOW_ALLOW_PRIVATE_HOSTS=1\n")
    assert run("ingest", web.url, "--json").json["error"]["code"] == "private-host"
    assert run("trust", "--yes").code == 0
    assert run("ingest", web.url).code == 0


def test_a_redirect_to_a_private_host_is_refused(web, tmp_path, monkeypatch):
    monkeypatch.setattr(private_hosts, "is_public", lambda address: address == "127.0.0.1")
    web.pages["/"] = Answer(status=302, headers={"Location": f"http://127.0.0.2:{web.port}/secret"})
    with pytest.raises(PrivateHostError, match=r"127\.0\.0\.2"):
        got(f"{web.url}/", tmp_path, allow_private=False)
    assert [path for path, _ in web.requests] == ["/"]


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
     "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "fd12::1",
     "ff02::1", "::ffff:10.0.0.1", "2002:7f00:0001::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe"],
)  # fmt: skip
def test_these_addresses_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111"])
def test_these_are(address):
    assert is_public(address)


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "localhost"])
def test_names_that_lead_to_this_machine(host):
    with contextlib.suppress(FetchError):  # not every system reads such numbers
        addresses = checked_addresses(host, 80, allow_private=True)
        assert not any(map(is_public, addresses))
        with pytest.raises(PrivateHostError):
            checked_addresses(host, 80, allow_private=False)


def test_a_host_that_does_not_exist(tmp_path):
    with pytest.raises(FetchError, match="no host"):
        got("http://nowhere.invalid/", tmp_path)


def test_a_server_that_does_not_run(web, tmp_path):
    web.close()
    with pytest.raises(FetchError, match=web.url):
        got(web.url, tmp_path)


def test_what_is_too_large_is_not_fetched_whole(web, tmp_path):
    sent = []

    def write(handler):
        with contextlib.suppress(OSError):
            for _ in range(1000):
                handler.wfile.write(bytes(1 << 16))
                sent.append(1)

    web.pages["/"] = Answer(write=write)
    with pytest.raises(FetchError, match="KNOW_MAX_FILE_SIZE"):
        got(f"{web.url}/", tmp_path)
    assert len(sent) < 1000


def test_gzip_is_unpacked_and_bounded(web, tmp_path):
    packed = {"Content-Encoding": "gzip"}
    web.pages["/good"] = Answer(gzip.compress(b"Text. " * 1000), headers=packed)
    web.pages["/bomb"] = Answer(gzip.compress(bytes(50 << 20)), headers=packed)
    web.pages["/broken"] = Answer(gzip.compress(b"Text. " * 1000)[:-9], headers=packed)
    web.pages["/odd"] = Answer(b"Text.", headers={"Content-Encoding": "br"})
    assert got(f"{web.url}/good", tmp_path)[1] == b"Text. " * 1000
    with pytest.raises(FetchError, match="KNOW_MAX_FILE_SIZE"):
        got(f"{web.url}/bomb", tmp_path)
    assert (tmp_path / "page").stat().st_size < 2 << 20
    with pytest.raises(FetchError, match="broke off"):
        got(f"{web.url}/broken", tmp_path)
    with pytest.raises(FetchError, match="br"):
        got(f"{web.url}/odd", tmp_path)


def test_an_answer_that_breaks_off(web, tmp_path):
    web.pages["/"] = Answer(
        headers={"Content-Length": "100"}, write=lambda handler: handler.wfile.write(b"short")
    )
    with pytest.raises(FetchError, match=web.url):
        got(f"{web.url}/", tmp_path)


def test_a_slow_server_costs_only_its_time(run, web, monkeypatch):
    given_up = threading.Event()

    def drip(handler):
        with contextlib.suppress(OSError):
            while not given_up.wait(0.1):  # for ever, if it were not given up
                handler.wfile.write(b"x")
                handler.wfile.flush()

    monkeypatch.setenv("KNOW_FETCH_TIMEOUT", "0.5")
    web.pages["/"] = Answer(write=drip)
    outcome = run("ingest", web.url, "--allow-private-hosts", "--json")
    given_up.set()
    assert outcome.code == 1
    assert "KNOW_FETCH_TIMEOUT" in outcome.json["error"]["message"]


@pytest.mark.parametrize(
    ("name", "content_type", "expected"),
    [
        ("Node.js", "text/html; charset=utf-8", "Node.js.html"),
        ("page.htm", "text/html", "page.htm"),
        ("notes", "text/markdown", "notes.md"),
        ("data", "application/json; charset=utf-8", "data.json"),
        ("tool.py", "text/plain", "tool.py"),
        ("paper", "application/pdf", "paper.pdf"),
        ("paper.pdf", "application/octet-stream", "paper.pdf"),
        ("paper", "", "paper"),
    ],
)
def test_the_server_tells_the_kind(name, content_type, expected):
    assert load_name(name, content_type) == expected


@pytest.mark.parametrize(
    ("path", "said", "expected"),
    [
        ("/a/b%20c.pdf", "", "b c.pdf"),
        ("/a/", "", "a"),
        ("/", "", "host"),
        ("/get", 'attachment; filename="report.pdf"', "report.pdf"),
        ("/get", "attachment; filename*=UTF-8''na%C3%AFve.txt", "naïve.txt"),
        ("/get", 'attachment; filename="../../etc/passwd"', "passwd"),
        ("/a%2Fb", "", "a_b"),
    ],
)
def test_names(path, said, expected):
    assert page_name(path, "host", {"content-disposition": said} if said else {}) == expected


@pytest.mark.parametrize(
    ("body", "charset", "text"),
    [
        ("Größe".encode("latin-1"), "iso-8859-1", "Größe"),
        ("価格".encode("shift_jis"), "shift_jis", "価格"),
        ("Größe".encode(), "iso-8859-1", "Größe"),
        ("Größe".encode(), "no-such", "Größe"),
    ],
)
def test_the_encoding_that_the_server_names(web, tmp_path, body, charset, text):
    web.pages["/"] = Answer(body, headers={"Content-Type": f"text/plain; charset={charset}"})
    fetched, content = got(f"{web.url}/", tmp_path)
    assert content.decode("utf-8-sig") == text
    assert fetched.size == len(content)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/a",
        "s4://bucket/a",
        "https://",
        "http://[bad/",
        "https://ho st/",
        "git+ftp://h/r",
    ],
)
def test_urls_that_can_not_be_read(run, url):
    outcome = run("ingest", url, "--json")
    assert outcome.code == 2
    assert run("list-datasets", "--json").json["datasets"] == []


def test_askdir_on_a_page(run, web):
    web.pages["/gate"] = Answer(GATE, headers={"Content-Type": "text/html"})
    outcome = run("askdir", "gate code", "-p", f"{web.url}/gate", "--allow-private-hosts", "--json")
    assert outcome.code == 0
    assert "4711" in outcome.json["hits"][0]["text"]
    assert run("askdir", "gate code", "-p", f"{web.url}/gate").code == 1


def test_a_dry_run_fetches_and_stores_nothing(run, web, ingest, data_dir, tmp_path):
    web.pages["/a.md"] = Answer(b"# A\n\nText.")
    write_files(tmp_path / "more", {"b.md": "More."})
    report = ingest(f"{web.url}/a.md", tmp_path / "more", "--dry-run")
    assert report["files"]["ingested"] == 2
    assert not data_dir.exists()


@pytest.mark.slow
@pytest.mark.parametrize("behaviour", [hostile.dripping, hostile.dripping_headers, hostile.silent])
def test_a_page_and_a_redirect_are_bounded_in_time_as_a_whole(tmp_path, behaviour):
    with hostile.HostileServer(behaviour) as server:
        with pytest.raises(FetchError, match="KNOW_FETCH_TIMEOUT"):
            got(f"{server.url}/a", tmp_path, seconds=0.5)
        with contextlib.suppress(FetchError):  # a body that drips does not concern it
            final_url(f"{server.url}/a", limits(seconds=0.5))


def test_redirects_share_one_time(tmp_path):
    def slow(handler):
        time.sleep(0.3)
        handler.send_response(302)
        handler.send_header("Location", "/again")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with hostile.HostileServer(slow) as server:
        with pytest.raises(FetchError, match="KNOW_FETCH_TIMEOUT"):
            got(f"{server.url}/a", tmp_path, seconds=0.5)
    assert server.requests <= 3


def test_a_look_up_of_a_name_is_bounded_in_time(tmp_path, monkeypatch):
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: time.sleep(20) or [])
    with pytest.raises(FetchError, match="not found in time"):
        got("http://slow.example/", tmp_path, seconds=0.5)
