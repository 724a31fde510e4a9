"""Steps of an ingest that ask a chat model: reading pages, finding keywords."""

from __future__ import annotations

import base64
import io

import pytest

from knowledge.errors import NoChatModelError, RemoteAuthError
from knowledge.model import FileStatus
from tests.conftest import write_files
from tests.documents import makers
from tests.flows.test_ingest_steps import entry, flow, step
from tests.openai_server import refusal

pytest.importorskip("PIL")

PDF = makers.pdf("First page.", None, "Third page.")


@pytest.fixture
def ingest(kb, flows_file, tmp_path):
    """Ingest files by a flow; return the knowledge base and the report."""

    def run(files, text, **options):
        write_files(tmp_path / "docs", files)
        base = kb(flows_file=flows_file(text))
        return base, base.ingest(tmp_path / "docs", **options)

    return run


def picture():
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (20, 10), "white").save(buffer, format="PNG")
    return buffer.getvalue()


def test_a_model_reads_the_pages_of_a_pdf(ingest, chat):
    from PIL import Image

    sizes = []

    def answer(request):
        text, image = request.body["messages"][0]["content"]
        data = base64.b64decode(image["image_url"]["url"].partition(",")[2])
        sizes.append(Image.open(io.BytesIO(data)).size)
        return f"# Page\n\nWhat page {len(sizes)} of {text['text']} says."

    server = chat(answer)
    options = {"Prompt": "Read!", "MaxTokens": 77, "Concurrency": 1, "model": "eyes"}
    text = flow(entry(".pdf", loader=step("ocr_openai", **options)))
    base, report = ingest({"a.pdf": PDF}, text)
    assert report.files[FileStatus.INGESTED] == 1
    file, chunks = base.files.get(base.files.list()[0].id)
    assert chunks[-1].passage.page_end == 3
    shown = "\n".join(chunk.passage.text for chunk in chunks)
    assert "page 1 of Read! says" in shown
    assert "page 2 of Read! says" in shown  # the blank page is not sent
    assert (len(sizes), min(sizes[0]) > 1000) == (2, True)
    assert (server.chats[0].body["model"], server.chats[0].body["max_tokens"]) == ("eyes", 77)
    assert file.metadata["pages"] == 3


def test_a_model_reads_an_image(ingest, chat):
    server = chat(["The sign says: closed."])
    base, _ = ingest({"a.png": picture()}, flow(entry("image/png", loader={"name": "ocr_openai"})))
    assert base.files.get(base.files.list()[0].id)[1][0].passage.text == "The sign says: closed."
    assert "Markdown" in server.chats[0].body["messages"][0]["content"][0]["text"]
    assert server.chats[0].body["max_tokens"] == 300


def test_pages_without_text(ingest, chat):
    chat(["[no text]"])
    _, report = ingest({"a.pdf": PDF}, flow(entry(loader={"name": "ocr_openai"})))
    assert report.files[FileStatus.EMPTY] == 1


def test_a_page_that_ends_at_the_limit_is_told(ingest, chat):
    cut = {"index": 0, "message": {"content": "Only half"}, "finish_reason": "length"}
    from tests.openai_server import Reply

    chat([Reply(200, {"choices": [cut]})])
    _, report = ingest({"a.png": picture()}, flow(entry(loader={"name": "ocr_openai"})))
    (problem,) = report.problems
    assert problem.status == "notice"
    assert "page 1 ends at 300 tokens (MaxTokens)" in problem.reason


def test_a_model_that_fails_costs_one_file(ingest, chat):
    chat(lambda request: refusal(500, "boom"))
    text = flow(entry(".pdf", loader={"name": "ocr_openai"}), entry("*"))
    _, report = ingest({"a.pdf": PDF, "b.txt": "Some text."}, text)
    assert report.files[FileStatus.FAILED] == report.files[FileStatus.INGESTED] == 1
    assert "boom" in report.problems[0].reason


def test_a_refused_key_ends_the_run(ingest, chat):
    chat(lambda request: refusal(401, "Incorrect API key"))
    with pytest.raises(RemoteAuthError):
        ingest({"a.pdf": PDF}, flow(entry(loader={"name": "ocr_openai"})))


def test_without_a_model_nothing_begins(ingest):
    with pytest.raises(NoChatModelError):
        ingest({"a.pdf": PDF}, flow(entry(loader={"name": "ocr_openai"})))


def test_a_dry_run_sends_nothing(ingest, chat):
    server = chat(["text"])
    _, report = ingest({"a.pdf": PDF}, flow(entry(loader={"name": "ocr_openai"})), dry_run=True)
    assert server.requests == []
    assert "2 pages would be sent to a chat model" in report.problems[0].reason


def test_what_is_read_once_is_not_sent_again(ingest, chat, monkeypatch):
    server = chat(["text"])
    text = flow(entry(loader={"name": "ocr_openai"}))
    ingest({"a.pdf": PDF}, text)
    ingest({"a.pdf": PDF}, text)
    assert len(server.chats) == 2
    monkeypatch.setenv("KNOW_CHAT_MODEL", "better")
    ingest({"a.pdf": PDF}, text)
    assert len(server.chats) == 4


KEYWORDS = step("keywords", NumKeywords=2)


def test_keywords(ingest, chat):
    server = chat([{"keywords": ["key ", "rotation", "key", "third"]}])
    change = {"operator": "add", "key": "after", "value": True}
    text = flow(entry(transformers=[KEYWORDS, step("metadata", manipulations=[change])]))
    base, report = ingest({"a.md": "# Keys\n\nRotate them.\n"}, text)
    assert report.files[FileStatus.INGESTED] == 1
    file, (chunk,) = base.files.get(base.files.list()[0].id)
    assert chunk.passage.metadata == {"keywords": ["key", "rotation"]}
    assert file.metadata["after"] is True
    assert "Rotate them." in server.questions[0]
    assert [hit.name for hit in base.retrieve("keys", where="keywords = rotation")] == ["a.md"]


def test_keywords_that_fail_are_a_notice(ingest, chat):
    chat(["no JSON"])
    base, report = ingest({"a.txt": "Some text."}, flow(entry(transformers=[KEYWORDS])))
    assert report.files[FileStatus.INGESTED] == 1
    assert "not all passages have keywords" in report.problems[0].reason
    assert base.files.get(base.files.list()[0].id)[1][0].passage.metadata == {}
