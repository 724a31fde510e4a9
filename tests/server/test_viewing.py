"""A passage where it stands: which files are read, what is shown of them, and what never is."""

from __future__ import annotations

import shutil
import struct
import zipfile

import pytest

from tests.conftest import check_schema
from tests.server.conftest import start

V1 = "/api/v1"
KINDS = ("safety-data.pdf", "telemetry.py", "travel-policy.html", "employee-agreement.docx")
WIDE = "𝒜 first 😀 line\nthe turquoise 𝒜 one\nlast\n"
DASHES = "-" * 90


@pytest.fixture(scope="module")
def viewed(tmp_path_factory, documents):
    """A server of documents of each kind; the folder may be changed by a test that puts it back."""
    from knowledge import KnowledgeBase
    from knowledge.settings.reading import Settings

    home = tmp_path_factory.mktemp("viewed")
    docs, data = home / "docs", str(home / "data")
    docs.mkdir()
    for name in KINDS:
        shutil.copy(documents / name, docs)
    (docs / "wide.txt").write_text(WIDE, encoding="utf-16")
    long = "".join(f"paragraph {n} {DASHES}\n\n" for n in range(2_600))
    (docs / "long.txt").write_text(long)
    with zipfile.ZipFile(docs / "papers.zip", "w") as archive:
        archive.write(documents / "safety-data.pdf", "inner.pdf")
    with KnowledgeBase(Settings.read(environ={}, folder=home, data_dir=data)) as kb:
        kb.ingest(docs, "kinds")
    running = start(flags={"data_dir": data})
    running.docs = docs
    yield running
    running.stop()


@pytest.fixture
def look(viewed):
    """Ask for the place of the best passage of a file."""

    def call(query, file):
        asked = {"query": query, "files": [file], "top_k": 1, "mode": "keyword"}
        (hit,) = viewed.client.post(f"{V1}/retrieve", json=asked).json()["hits"]
        reply = viewed.client.get(f"{V1}/chunks/{hit['chunk_id']}/place")
        assert reply.status_code == 200, reply.text
        found = reply.json()
        check_schema(found)
        assert found["citation"] == hit["citation"]
        return found, hit

    return call


def marked(found):
    return found["text"][found["mark_start"] : found["mark_end"]]


def test_code_is_shown_by_its_lines(look, viewed):
    found, hit = look("FrameError", "telemetry.py")
    lines = (viewed.docs / "telemetry.py").read_text().split("\n")
    assert found["state"] == "same"
    assert found["first_line"] == 1
    assert found["text"] == "\n".join(lines)
    assert marked(found).split("\n") == lines[hit["line_start"] - 1 : hit["line_end"]]


def test_lines_of_other_encodings_are_counted_in_characters(look):
    found, _ = look("turquoise", "wide.txt")
    assert "turquoise 𝒜" in marked(found)


@pytest.mark.parametrize(
    ("query", "file"),
    [("hotel night", "travel-policy.html"), ("probation", "employee-agreement.docx")],
)
def test_others_are_shown_as_their_text(look, query, file):
    found, hit = look(query, file)
    assert found["first_line"] is None
    assert marked(found).strip() == hit["text"].strip()
    assert len(found["text"]) > 2 * len(hit["text"])


def test_a_pdf_has_its_pages_and_boxes(look, viewed):
    found, hit = look("rinse eye running water", "safety-data.pdf")
    (page,) = found["pages"]
    assert (page["number"], found["page_count"]) == (hit["page_start"], 6)
    assert found["found"] > 0.9
    for left, top, width, height in page["boxes"]:
        assert 0 <= left < left + width <= 1
        assert 0 <= top < top + height <= 1
    path = f"{V1}/datasets/kinds/files/{found['file_id']}/pages/{page['number']}"
    reply = viewed.client.get(path, params={"width": 300})
    assert reply.headers["Content-Type"] == "image/png"
    assert reply.headers["Knowledge-Generation"] == "kinds=1"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in reply.headers["Content-Security-Policy"]
    width, height = struct.unpack(">II", reply.content[16:24])
    assert width in (300, 301)
    assert height / width == pytest.approx(page["height"] / page["width"], abs=0.01)


def test_a_pdf_inside_an_archive_is_shown_as_text(look):
    found, _ = look("rinse eye running water", "papers.zip")
    assert (found["state"], found["member"], found["pages"]) == ("elsewhere", "inner.pdf", [])
    assert "rinse" in marked(found)


def test_of_a_long_document_the_part_around_is_shown(look):
    found, hit = look("2500", "long.txt")
    assert len(found["text"]) <= 200_100
    assert (found["cut_before"], found["cut_after"]) == (True, False)
    assert "paragraph 2500 -" in marked(found)
    lines = found["text"].split("\n")
    before = found["text"].count("\n", 0, found["mark_start"])
    assert found["first_line"] + before == hit["line_start"]
    assert lines[0].startswith("paragraph")


@pytest.mark.parametrize("change", ["content", "same size", "gone", "folder"])
def test_only_the_file_that_was_ingested_is_read(look, viewed, change):
    path = viewed.docs / "safety-data.pdf"
    before = path.read_bytes()
    path.unlink()
    if change == "content":
        path.write_bytes(b"other")
    if change == "same size":
        path.write_bytes(before[:-1] + b"!")
    if change == "folder":
        path.mkdir()
    try:
        found, _ = look("rinse eye running water", "safety-data.pdf")
        assert found["state"] == ("missing" if change in ("gone", "folder") else "changed")
        assert found["pages"] == []
        assert "rinse" in marked(found)
        reply = viewed.client.get(f"{V1}/datasets/kinds/files/{found['file_id']}/pages/1")
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "no-picture")
    finally:
        path.rmdir() if change == "folder" else path.unlink(missing_ok=True)
        path.write_bytes(before)


@pytest.mark.parametrize("page", ["0", "7", "99999999999999999999", "x", "..%2F1", "-1", "²"])
def test_pages_that_are_not_there_are_refused(viewed, page):
    reply = viewed.client.get(f"{V1}/datasets/kinds/files/safety-data.pdf/pages/{page}")
    assert reply.status_code in (404, 422)
    check_schema(reply.json())


@pytest.mark.parametrize("file", ["%2Fetc%2Fpasswd", "..%2F..%2Fetc%2Fpasswd", "telemetry.py"])
def test_no_request_names_a_file_of_the_disk(viewed, file):
    reply = viewed.client.get(f"{V1}/datasets/kinds/files/{file}/pages/1")
    assert reply.status_code == 404
    assert "root:" not in reply.text


def test_an_upload_is_no_file_of_the_disk(served, data_dir, monkeypatch):
    """A name that an uploader chose is never opened, from wherever the server runs."""
    monkeypatch.chdir(data_dir.parent)
    (data_dir.parent / "secret.md").write_text("another text\n")
    client = served().client
    reply = client.post(
        f"{V1}/datasets/sent/files", files={"files": ("secret.md", b"The badge opens doors.\n")}
    )
    assert reply.status_code in (200, 201, 202), reply.text
    for _ in range(200):
        hits = client.get(f"{V1}/retrieve?query=badge&datasets=sent")
        if hits.status_code == 200 and hits.json()["hits"]:
            break
    chunk = hits.json()["hits"][0]["chunk_id"]
    found = client.get(f"{V1}/chunks/{chunk}/place").json()
    assert (found["state"], found["first_line"]) == ("elsewhere", None)
    assert "badge" in marked(found)


def test_filters_are_counted_and_find_their_files(viewed):
    nested = viewed.client.get(f"{V1}/datasets/kinds/filters").json()
    check_schema(nested)
    types = {one["name"]: one["files"] for one in nested["types"]}
    assert types == {".txt": 2, ".pdf": 1, ".py": 1, ".html": 1, ".docx": 1, ".zip": 1}
    assert nested["folders"] == []


def test_folders_are_filters(served, run, tmp_path, data_dir):
    for name in ("a [1]/x.md", "a [1]/sub/y.md", "b/z.txt", "top.md"):
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"the badge of {name}\n")
    run("ingest", tmp_path / "tree")
    client = served().client
    found = client.get(f"{V1}/datasets/default/filters").json()
    folders = {one["name"]: one for one in found["folders"]}
    assert {name: one["files"] for name, one in folders.items()} == {"a [1]": 2, "b": 1}

    def names(*patterns):
        asked = {"query": "badge", "files": list(patterns), "fold": False}
        return {hit["name"] for hit in client.post(f"{V1}/retrieve", json=asked).json()["hits"]}

    assert names(folders["a [1]"]["pattern"]) == {"x.md", "y.md"}
    assert names(folders["a [1]"]["pattern"] + "/**/*.md", "*.txt") == {"x.md", "y.md", "z.txt"}


def test_words_of_the_question_are_marked(shared):
    asked = {"query": "When must I rotate the keys?", "marks": True, "top_k": 1}
    (hit,) = shared.client.post(f"{V1}/retrieve", json=asked).json()["hits"]
    words = [hit["text"][start:end] for start, end in hit["marks"]]
    assert {"Rotate", "key"} <= set(words)
    assert not {"the", "every"} & set(words)


def test_the_page_needs_no_token_and_holds_nothing(served, library):
    running = served(flags={"server_token": "s3cret"})
    import httpx

    with httpx.Client(base_url=running.url, trust_env=False) as client:
        page = client.get("/")
        assert page.status_code == 200
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert "unsafe" not in page.headers["Content-Security-Policy"]
        assert "require-trusted-types-for 'script'" in page.headers["Content-Security-Policy"]
        assert "keys.md" not in page.text
        assert client.get("/page/page.js").headers["Content-Type"].startswith("text/javascript")
        for path in ("/page/nothing.js", "/page/..%2Fassets.py", "/page/index.html", "/page/"):
            assert client.get(path).status_code == 404
        for path in ("/chunks/00000000/place", "/datasets/default/filters"):
            assert client.get(V1 + path).status_code == 401
        assert client.get("/", headers={"Host": "evil.example"}).status_code == 421
        foreign = {"Origin": "http://evil.example"}
        assert client.get("/page/page.js", headers=foreign).status_code == 403
