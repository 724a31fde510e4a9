import pytest

from knowledge.errors import DocumentError
from knowledge.model import TextKind
from tests.documents.makers import load_one

MHTML = b"""From: <Saved by Blink>\r
Snapshot-Content-Location: https://example.org/pumps\r
Subject: =?utf-8?Q?Pumps_=E2=80=94_manual?=\r
Date: Fri, 1 Mar 2024 10:00:00 +0100\r
MIME-Version: 1.0\r
Content-Type: multipart/related; type="text/html"; boundary="--b"\r
\r
----b\r
Content-Type: text/html; charset=CHARSET\r
Content-Transfer-Encoding: quoted-printable\r
Content-Location: https://example.org/pumps\r
\r
<html lang=3D"en"><head><title>Pumps</title></head><body><nav>Home</nav><h1>Pumps=\r
</h1><p>Caf=E9 water.</p><img src=3D"cid:1"></body></html>\r
----b\r
Content-Type: image/png\r
Content-Transfer-Encoding: base64\r
\r
iVBORw0KGgo=\r
----b--\r
"""


@pytest.mark.parametrize("charset", [b"iso-8859-1", b"windows-1252"])
def test_the_page_is_read(charset):
    document = load_one(MHTML.replace(b"CHARSET", charset), "a.mhtml")
    assert document.text == "# Pumps\n\nCafé water."
    assert (document.kind, document.has_lines) == (TextKind.MARKDOWN, False)
    assert dict(document.metadata) == {
        "title": "Pumps",
        "url": "https://example.org/pumps",
        "saved": "2024-03-01T10:00:00+01:00",
        "language": "en",
    }


def test_the_whole_page():
    assert "Home" in load_one(MHTML, "a.mht", html="full").text


@pytest.mark.parametrize(
    "data",
    [
        b"just words",
        b"Subject: x\r\n\r\nno page",
        MHTML.replace(b"text/html", b"text/css"),
        b"Content-Type: multipart/related; boundary=b\r\n\r\n" + b"--b\r\n" * 2000,
    ],
    ids=["words", "no page", "style sheet", "empty parts"],
)
def test_no_page(data):
    with pytest.raises(DocumentError, match=r"no page of HTML|not MHTML"):
        load_one(data, "a.mhtml")
