import pytest

from knowledge.documents.detection import detect
from knowledge.documents.loading import load
from knowledge.documents.splitting.splitting import split
from knowledge.errors import DocumentError
from knowledge.model import PageUnit, SplitterSpec
from tests.documents.archive_makers import problems, read
from tests.documents.mail_makers import mail, mbox
from tests.documents.makers import pdf

BOX = mbox(
    mail("First", "one\n"),
    mail("Second", None, html="<h2>Two</h2><p>words</p>", attachments=[("r.pdf", pdf("p1", "p2"))]),
    mail("Third", "From here on\nit is a quote\n", From="Carl <c@example.com>"),
)


def test_each_message_is_a_document():
    loaded = load(BOX, "in.mbox")
    own = [document for document in loaded.documents if not document.member]
    assert [document.heading for document in own] == [("First",), ("Second",), ("Third",)]
    assert [document.pages[0].number for document in own] == [1, 2, 3]
    assert {document.page_unit for document in own} == {PageUnit.MESSAGE}
    assert own[2].metadata["author"] == "Carl <c@example.com>"
    assert own[2].text.endswith("\n\nFrom here on\nit is a quote\n")
    assert loaded.metadata == {"message_count": 3}
    assert loaded.problems == ()


def test_citations_name_message_and_attachment():
    documents = load(BOX, "in.mbox").documents
    cited = [split(document, SplitterSpec())[0].cite("in.mbox") for document in documents]
    assert cited == [
        "in.mbox, message 1",
        "in.mbox, message 2",
        "in.mbox!/message-2/r.pdf, pages 1-2",
        "in.mbox, message 3",
    ]
    passage = split(documents[1], SplitterSpec())[0]
    assert passage.page_name == "Second"
    assert passage.heading[0] == "Second"


def test_line_ends_of_windows():
    loaded = load(BOX.replace(b"\n", b"\r\n"), "in.mbox")
    assert loaded.metadata == {"message_count": 3}
    assert "words" in loaded.documents[1].text


def test_a_line_of_text_that_begins_like_a_separator():
    data = mbox(b"Subject: a\n\nwords\n\nFrom here it goes on\nwith words\n")
    data = data.replace(b">From", b"From")
    loaded = load(data, "in.mbox")
    assert loaded.metadata == {"message_count": 1}
    assert "From here it goes on" in loaded.documents[0].text


def test_a_bad_message_stops_no_other():
    loaded = load(
        mbox(mail("a", "one\n"), b"Subject: b\n\n" + bytes(range(32)) * 99, mail("c")), "m.mbox"
    )
    assert [document.heading[0] for document in loaded.documents] == ["a", "b", "c"]
    assert "binary" in " ".join(reason for _, reason in problems(loaded).values())


def test_a_mailbox_without_an_ending_in_its_name():
    assert detect("Inbox", BOX) == "mbox"
    assert detect("letter", b"From me to you\nwith love\n") == "text"
    assert "message-2/r.pdf" in {document.member for document in load(BOX, "Inbox").documents}


def test_a_bound_on_text_keeps_what_came_before():
    loaded = read(mbox(*(mail(f"m{n}", "word " * 200) for n in range(5))), "m.mbox", max_text=2500)
    assert [document.heading[0] for document in loaded.documents] == ["m0", "m1"]
    assert "KNOW_MAX_TEXT_SIZE" in problems(loaded)["message-3"][1]


def test_what_is_no_mailbox():
    with pytest.raises(DocumentError, match="not a mailbox"):
        load(b"just words\n", "a.mbox")


@pytest.mark.slow
def test_thousands_of_messages():
    data = mbox(*[b"Subject: s\nFrom: a@b.c\n\nwords\n"] * 3000)
    loaded = load(data, "big.mbox")
    assert len(loaded.documents) == 3000
