"""Mail inside an envelope: signed or packed (S/MIME), or wrapped by Outlook (winmail.dat)."""

import base64

import pytest

from knowledge.documents.loading import load
from knowledge.errors import DocumentError, UnsupportedDocumentError
from tests.documents.mail_makers import enveloped, mail, mbox, signed, winmail
from tests.documents.makers import pdf

INNER = b"Content-Type: text/plain; charset=utf-8\r\n\r\nThe sealed w\xc3\xb6rds.\r\n"


def texts(data, name="a.eml"):
    return {document.member: document.text for document in load(data, name).documents}


@pytest.mark.parametrize("kind", ["signed_data", "compressed_data"])
@pytest.mark.parametrize("type_", ["application/pkcs7-mime", "application/x-pkcs7-mime"])
def test_the_text_of_signed_and_packed_mail_is_read(kind, type_):
    loaded = load(enveloped(signed(INNER, kind), kind=type_), "a.eml")
    assert "The sealed wörds." in loaded.documents[0].text
    assert loaded.problems == ()


def test_envelopes_in_envelopes_and_armour():
    der = signed(signed_mail(signed(INNER)))
    assert "The sealed wörds." in texts(enveloped(der))[""]
    pem = b"-----BEGIN PKCS7-----\n" + base64.encodebytes(signed(INNER)) + b"-----END PKCS7-----\n"
    assert "The sealed wörds." in texts(enveloped(pem))[""]


def signed_mail(der):
    head = b"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return head + base64.encodebytes(der)


def test_attachments_of_signed_mail_are_members():
    inner = mail(attachments=[("costs.csv", b"name,sum\nrent,9\n")]).as_bytes()
    found = texts(enveloped(signed(inner)))
    assert "see below" in found[""]
    assert found["costs.csv"] == "name,sum\nrent,9\n"


def test_a_signed_attachment_is_read_without_its_signature():
    data = mail(attachments=[("report.pdf.p7m", signed(pdf("The report.")))]).as_bytes()
    assert texts(data)["report.pdf"] == "The report."


def test_encrypted_and_damaged_envelopes_are_told():
    loaded = load(enveloped(signed(b"", "enveloped_data")), "a.eml")
    assert [problem.reason for problem in loaded.problems] == ["it is encrypted"]
    loaded = load(enveloped(b"0\x84 nothing"), "a.eml")
    assert [problem.reason for problem in loaded.problems] == ["its signed envelope is damaged"]


def armoured(der):
    return b"-----BEGIN CMS-----\n" + base64.encodebytes(der) + b"-----END CMS-----\n"


def of_five_bytes(der):
    """The same with the longest form of its length, which begins the file."""
    at = 2 + (der[1] & 0x7F if der[1] > 0x7F else 0)
    return b"0\x84" + (len(der) - at).to_bytes(4, "big") + der[at:]


@pytest.mark.parametrize("form", [bytes, armoured, base64.encodebytes, of_five_bytes])
def test_an_envelope_that_is_a_file_is_read(form):
    assert "The sealed wörds." in texts(form(signed(INNER)), "smime.p7m")[""]
    packed = form(signed(b"name,sum\nrent,9\n", "compressed_data"))
    assert texts(packed, "costs.csv.p7m") == {"costs.csv": "name,sum\nrent,9\n"}
    twice = form(signed(form(signed(pdf("The report.")))))
    assert texts(twice, "r.pdf.p7m.p7m") == {"r.pdf.p7m!/r.pdf": "The report."}


def test_an_envelope_is_told_by_its_content():
    assert "The sealed wörds." in texts(signed(INNER), "letter")[""]
    assert "The sealed wörds." in texts(armoured(signed(INNER)), "letter")[""]
    assert "The sealed wörds." in texts(enveloped(signed(INNER)), "smime.p7m")[""]


def test_files_that_are_encrypted_or_mere_signatures_are_told():
    with pytest.raises(DocumentError, match="it is encrypted"):
        load(signed(b"", "enveloped_data"), "smime.p7m")
    with pytest.raises(UnsupportedDocumentError, match="without what is signed"):
        load(signed(None), "costs.csv.p7s")
    with pytest.raises(DocumentError, match="damaged"):
        load(b"0\x84 nothing", "a.p7m")


def test_signed_mail_in_a_mailbox():
    assert "The sealed wörds." in texts(mbox(enveloped(signed(INNER))), "a.mbox")[""]


def wrapped(data, body=None):
    message = mail(body=body, attachments=[("winmail.dat", data)] if body else ())
    if body is None:
        message.set_content(data, "application", "ms-tnef", filename="winmail.dat")
    return message.as_bytes()


COSTS = [("costs.csv", b"name,sum\nrent,9\n"), ("bé.txt", b"more words")]


@pytest.mark.parametrize(
    "data",
    [winmail(body="The wrapped w\xf6rds."), winmail(html="<p>The wrapped <b>w\xf6rds</b>.</p>")],
    ids=["plain", "html"],
)
def test_the_text_that_outlook_wraps_is_read(data):
    assert "wörds" in texts(wrapped(data))[""]
    assert "wörds" in texts(data, "winmail.dat")[""]


def test_what_is_attached_in_a_wrapping_is_a_member():
    data = winmail(body="words", attachments=COSTS)
    for found in (texts(wrapped(data)), texts(data, "winmail.dat"), texts(data, "x.bin")):
        assert found["costs.csv"] == "name,sum\nrent,9\n"
        assert found["bé.txt"] == "more words"


def test_a_wrapped_text_does_not_repeat_the_mail_s_own():
    found = texts(wrapped(winmail(body="The wrapped words."), body="The words of its own."))
    assert list(found) == [""]
    assert "wrapped" not in found[""]


def test_a_damaged_wrapping_is_told():
    loaded = load(wrapped(winmail(body="words")[:30], body="own"), "a.eml")
    assert "own" in loaded.documents[0].text
    data = winmail(attachments=COSTS)
    for size in range(4, len(data), 7):
        load(wrapped(data[:size], body="own"), "a.eml")
