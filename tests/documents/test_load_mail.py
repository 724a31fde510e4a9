from datetime import UTC, datetime

import pytest

from knowledge.documents.containers import MAX_DEPTH
from knowledge.documents.loading import load
from knowledge.documents.splitting.splitting import split
from knowledge.errors import DocumentError, EmptyDocumentError
from knowledge.model import PageUnit, SplitterSpec, TextKind
from tests.documents.archive_makers import problems, read, texts, zipped
from tests.documents.mail_makers import BODY, mail
from tests.documents.makers import PNG, pdf
from tests.documents.ole_makers import msg, ole

HEADER = (
    "Subject: Quarterly numbers\nFrom: Ann Émile <ann@example.com>\nTo: bob@example.com\n"
    "Date: 2026-03-03T10:00:00+01:00\n\n"
)


def eml(*arguments, **named):
    return load(mail(*arguments, **named).as_bytes(), "mail.eml")


def own(loaded):
    """The mail's own document."""
    (document,) = [document for document in loaded.documents if not document.member]
    return document


def test_a_plain_mail():
    document = own(eml())
    assert document.text == HEADER + BODY
    assert document.kind is TextKind.TEXT
    assert document.metadata == {
        "title": "Quarterly numbers",
        "author": "Ann Émile <ann@example.com>",
        "to": "bob@example.com",
        "created": "2026-03-03T10:00:00+01:00",
    }
    (passage,) = split(document, SplitterSpec())
    assert passage.cite("mail.eml") == "mail.eml, part 1"
    assert passage.heading == ("Quarterly numbers",)


def test_the_metadata_are_the_file_s():
    assert eml(Cc="carl@example.com").metadata["cc"] == "carl@example.com"


def test_an_html_mail():
    html = "<h1>Results</h1><p>Up by <b>4 %</b>.</p><table><tr><th>a<th>b<tr><td>1<td>2</table>"
    document = own(eml(body=None, html=html))
    assert document.kind is TextKind.MARKDOWN
    assert "# Results" in document.text
    assert "**4 %**" in document.text
    assert "| a | b |" in document.text
    assert document.heading == ("Quarterly numbers",)


def test_the_plain_text_comes_first():
    document = own(eml(body="The plain text.\n", html="<p>The page.</p>"))
    assert "The plain text." in document.text
    assert "The page." not in document.text
    assert document.pages[0].number == 1


def test_a_plain_text_that_only_hints_at_the_page():
    document = own(eml(body="View online\n", html=f"<p>{'The whole story. ' * 20}</p>"))
    assert "The whole story." in document.text
    assert (document.page_unit, document.pages[0].number) == (PageUnit.PART, 2)


def test_attachments_are_members():
    loaded = eml(attachments=[("report.pdf", pdf("first", "second")), ("a/b.md", b"# Notes")])
    assert [document.member for document in loaded.documents] == ["", "report.pdf", "a_b.md"]
    passages = split(loaded.documents[1], SplitterSpec())
    assert passages[0].cite("mail.eml") == "mail.eml!/report.pdf, pages 1-2"
    assert split(loaded.documents[2], SplitterSpec())[0].cite("mail.eml") == "mail.eml!/a_b.md:1"


def test_attachments_of_one_name_and_bad_ones():
    loaded = eml(
        attachments=[("a.txt", b"one"), ("a.txt", b"two"), ("x.bin", bytes(range(256))), ("e", b"")]
    )
    assert {"a.txt": "one", "a-2.txt": "two"}.items() <= texts(loaded).items()
    assert problems(loaded)["x.bin"][0] == "unsupported"


def test_names_in_other_languages():
    loaded = eml(attachments=[("Bericht März 議事録.txt", b"words")])
    assert "Bericht März 議事録.txt" in texts(loaded)


def test_attached_mails_and_archives():
    inner = mail("Inner: note", "inner text\n", attachments=[("deep.txt", b"deep")])
    loaded = eml(attachments=[("fwd.eml", inner), ("x.zip", zipped({"z.txt": "in zip"}))])
    found = texts(loaded)
    assert "inner text" in found["fwd.eml"]
    assert found["fwd.eml!/deep.txt"] == "deep"
    assert found["x.zip!/z.txt"] == "in zip"
    title = {document.member: document.metadata["title"] for document in loaded.documents[1:2]}
    assert title == {"fwd.eml": "Inner: note"}


def test_mails_too_deep_in_mails():
    message = mail("bottom")
    for level in range(MAX_DEPTH):
        message = mail(f"level {level}", attachments=[("in.eml", message)])
    loaded = load(message.as_bytes(), "m.eml")
    assert len(loaded.documents) == MAX_DEPTH
    ((_, reason),) = problems(loaded).values()
    assert reason.startswith("it lies more than 3")


def test_small_pictures_in_the_text_are_left_out():
    message = mail(body=None, html="<p>text<img src=cid:logo></p>")
    message.add_related(PNG, "image", "png", cid="<logo>")
    loaded = load(message.as_bytes(), "m.eml")
    assert loaded.problems == ()
    assert set(texts(loaded)) == {""}


RAW = (
    b"Subject: Gr\xfc\xdfe aus M\xfcnchen\r\nFrom: =?x-unknown?B?QW5u?= <ann@example.com>\r\n"
    b"Date: some day\r\nContent-Type: text/plain; charset=x-none\r\n\r\nSch\xf6ne Gr\xfc\xdfe\r\n"
)
JAPANESE = (
    b"Subject: =?iso-2022-jp?B?GyRCRnxLXBsoQg==?=\n"
    b"Content-Type: text/plain; charset=ISO-2022-JP\n\n\x1b$BF|K\\\x1b(B\n"
)
LYING = b"Subject: x\nContent-Type: text/plain; charset=us-ascii\n\n\xe2\x82\xac 40\n"
UTF_7 = b"Subject: x\nContent-Type: text/plain; charset=utf-7\n\nGr+APwA3w-e\n"
CODEC = b"Subject: x\nContent-Type: text/plain; charset=punycode\n\nplain-words\n"
LATIN = b"Subject: x\nContent-Type: text/plain; charset=iso-8859-2\n\nza\xbf\xf3\xb3\xe6\n"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (RAW, ["Subject: Grüße aus München", "From: Ann <ann@example.com>", "Schöne Grüße"]),
        (JAPANESE, ["Subject: 日本", "\n日本\n"]),
        (LYING, ["€ 40"]),
        (UTF_7, ["Grüße"]),
        (CODEC, ["plain-words"]),
        (LATIN, ["zażółć"]),
        (b"Subject: =?utf-8?Q?two words?= =?utf-8?B?w4k?=\n\nx\n", ["Subject: ", "x"]),
        (b"Subject: folded\n  over lines\n\nx\n", ["Subject: folded over lines"]),
        (b"From ann Tue Mar 3\nSubject: envelope\n\nx\n", ["Subject: envelope"]),
        (b"no header at all\n\njust words\n", ["just words"]),
        (b"Subject: no body\n", ["Subject: no body"]),
        (b"Subject: x\nContent-Type: multipart/mixed; boundary=b\n\nno parts\n", ["Subject: x"]),
        (b"Subject: x\nContent-Transfer-Encoding: base64\n\n!!!d29yZHM=\n", ["Subject: x"]),
    ],
)
def test_broken_and_unusual_mails(data, expected):
    text = own(load(data, "mail.eml")).text
    for part in expected:
        assert part in text


def test_a_date_without_zone():
    assert load(b"Date: Tue, 03 Mar 2026 10:00:00\n\nx\n", "a.eml").metadata == {
        "created": "2026-03-03T10:00:00+00:00"
    }


def test_apple_mail():
    content = mail().as_bytes()
    data = b"%-10d\n" % len(content) + content + b'<?xml version="1.0"?><plist></plist>'
    assert own(load(data, "1.emlx")).text == HEADER + BODY


def test_thousands_of_nested_parts_are_told():
    parts = b"".join(
        b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (n, n) for n in range(3000)
    )
    with pytest.raises(DocumentError):
        load(b"Subject: deep\n" + parts + b"\nwords\n", "a.eml")


SENT = datetime(2026, 3, 3, 9, tzinfo=UTC)


def test_an_outlook_message():
    people = {"sender": ("Ann", "ann@x.org"), "to": [("Bob", "b@x.org"), ("", "c@x.org")]}
    data = msg("Budget", "Hello\r\n\r\nBob", sent=SENT, cc=[("Dora", "d@x.org")], **people)
    loaded = load(data, "a.msg")
    assert own(loaded).text == (
        "Subject: Budget\nFrom: Ann <ann@x.org>\nTo: Bob <b@x.org>, c@x.org\nCc: Dora <d@x.org>\n"
        "Date: 2026-03-03T09:00:00+00:00\n\nHello\n\nBob\n"
    )
    assert loaded.metadata["title"] == "Budget"
    assert loaded.metadata["created"] == "2026-03-03T09:00:00+00:00"
    assert split(own(loaded), SplitterSpec())[0].cite("a.msg") == "a.msg, part 1"


@pytest.mark.parametrize(
    ("texts", "shown"),
    [
        ({0x5D01: "ann@x.org"}, "ann@x.org"),
        ({0x0C1A: "Ann", 0x0C1F: "/o=Works/cn=ann", 0x5D01: "ann@x.org"}, "Ann <ann@x.org>"),
        (
            {0x0C1A: "Desk", 0x0C1F: "/o=Works/cn=d", 0x0042: "Ann", 0x0065: "a@x.org"},
            "Ann <a@x.org>",
        ),
        ({0x0042: "Ann", 0x5D02: "a@x.org"}, "Ann <a@x.org>"),
        ({0x0C1A: "Ann", 0x0C1F: "/o=Works/cn=ann"}, "Ann"),
    ],
)
def test_the_sender_of_an_outlook_message(texts, shown):
    document = own(load(msg("Budget", "Hello", texts=texts), "a.msg"))
    assert f"\nFrom: {shown}\n" in document.text
    assert document.metadata["author"] == shown


def test_an_outlook_message_is_known_by_its_content():
    assert "words" in own(load(msg("s", "words"), "download")).text


def test_attachments_of_outlook_messages():
    inner = {"subject": "Inner: note", "body": "inside", "attachments": [("deep.txt", b"deep")]}
    data = msg("s", "b", attachments=[("r.pdf", pdf("one")), ("", inner), ("n.md", b"# N" * 3000)])
    found = texts(load(data, "a.msg"))
    assert found["r.pdf"] == "one"
    assert found["Inner: note.msg"] == "Subject: Inner: note\n\ninside\n"
    assert found["Inner: note.msg!/deep.txt"] == "deep"
    assert found["n.md"].startswith("# N# N")


def test_outlook_text_in_other_forms():
    assert "Schöne Grüße" in own(load(msg("s", "Schöne Grüße", codepage=1252), "a.msg")).text
    page = "<h1>Größe</h1><p>words</p>".encode("cp1252")
    assert "# Größe" in own(load(msg("s", html=page, codepage=1252), "a.msg")).text
    from compressed_rtf import compress

    data = msg("s", rtf=compress(rb"{\rtf1\ansi Words in {\b bold} type.\par}"))
    assert "Words in" in own(load(data, "a.msg")).text


def test_messages_too_deep_in_outlook_messages():
    inner = {"subject": "bottom", "body": "x"}
    for level in range(8):
        inner = {"subject": f"level {level}", "body": "x", "attachments": [("", inner)]}
    loaded = load(msg("s", "b", attachments=[("", inner)]), "a.msg")
    assert len(loaded.documents) < 8
    assert "messages deep" in " ".join(reason for _, reason in problems(loaded).values())


@pytest.mark.parametrize("size", [600, 3000])
def test_outlook_messages_that_are_cut_off(size):
    with pytest.raises(DocumentError):
        read(msg("Budget", "words " * 2000)[:size], "a.msg")


def test_an_outlook_message_with_nothing_in_it():
    with pytest.raises(EmptyDocumentError):
        load(ole({("__properties_version1.0",): b""}), "a.msg")


def test_a_plain_form_that_has_lost_marks_gives_way_to_html():
    page = "<p>10<sup>6</sup> cells for <s>4500</s> 7300 euro</p>"
    data = mail(body="106 cells for 4500 7300 euro", html=page).as_bytes()
    text = load(data, "a.eml").documents[0].text
    assert "10^6 cells for ~~4500~~ 7300 euro" in text
    assert "106" not in text
