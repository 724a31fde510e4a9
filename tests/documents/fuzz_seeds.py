"""One small document of each binary format, and ways to damage it."""

import gzip
import io
import random
import zipfile

from tests.conftest import ROOT
from tests.documents import makers, makers_office
from tests.documents.archive_makers import tarred, zipped
from tests.documents.mail_makers import mail, mbox
from tests.documents.ole_makers import msg

TEXT = "A passage about the harbour, and another one about the lighthouse."


def _docx():
    def build(document):
        document.add_heading("Harbour", 1)
        document.add_paragraph(TEXT)
        table = document.add_table(2, 2)
        table.cell(0, 0).text = "cell"

    return makers.docx(build)


def _pptx():
    def build(presentation):
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = "Harbour"
        slide.placeholders[1].text = TEXT

    return makers_office.pptx(build)


def _xlsx():
    def build(book):
        book.active.append(["name", "value"])
        book.active.append([TEXT, 7])

    return makers_office.xlsx(build)


def _odf(kind):
    cells = (
        f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>'
        for text in ("name", TEXT)
    )
    rows = "".join(f"<table:table-row>{cell}</table:table-row>" for cell in cells)
    table = f'<table:table table:name="Data">{rows}</table:table>'
    body = {
        "text": f'<text:h text:outline-level="1">Harbour</text:h><text:p>{TEXT}</text:p>{table}',
        "spreadsheet": table,
        "presentation": '<draw:page draw:name="one"><draw:frame><draw:text-box>'
        f"<text:p>{TEXT}</text:p></draw:text-box></draw:frame></draw:page>",
    }
    return makers_office.odf(kind, body[kind])


def _msg():
    page = f"<h1>Harbour</h1><p>{TEXT}</p>".encode()
    return msg("Harbour", TEXT, html=page, to=[("Bob", "b@x.org")], attachments=[("a.txt", b"a")])


RTF = (
    rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Times;}}\pard\b Harbour\b0\par "
    rb"\trowd\cellx100\cellx200 a\cell b\cell\row{\*\ignored x}\u8364? \'e9 "
    + TEXT.encode()
    + rb"\par}"
)
FILES = {"a.md": f"# Harbour\n\n{TEXT}\n", "deep/b.txt": TEXT, "c.csv": "a,b\n1,2\n"}

SEEDS = {
    "pdf": lambda: makers.pdf(TEXT, "Second page", title="Harbour"),
    "sample.pdf": lambda: (ROOT / "testdata/documents/safety-data.pdf").read_bytes(),
    "docx": _docx,
    "pptx": _pptx,
    "xlsx": _xlsx,
    "doc": lambda: makers_office.doc([("Harbour\r", 1, b""), (f"{TEXT}\r", 0, b"")]),
    "ppt": lambda: makers_office.ppt(("Harbour", TEXT, "box", "note")),
    "xls": lambda: makers_office.xls(Data=[["name", "value"], [TEXT, 7]]),
    "odt": lambda: _odf("text"),
    "ods": lambda: _odf("spreadsheet"),
    "odp": lambda: _odf("presentation"),
    "rtf": lambda: RTF,
    "epub": lambda: makers_office.epub([f"<h1>Harbour</h1><p>{TEXT}</p>"], ["Harbour"]),
    "msg": _msg,
    "eml": lambda: mail("Harbour", TEXT, f"<p>{TEXT}</p>", [("a.md", b"# A")]).as_bytes(),
    "mbox": lambda: mbox(mail("One", TEXT), mail("Two", TEXT, attachments=[("a.md", b"# A")])),
    "zip": lambda: zipped({**FILES, "in.zip": zipped(FILES)}),
    "tar": lambda: tarred(FILES),
    "tar.gz": lambda: tarred(FILES, "w:gz"),
    "tar.bz2": lambda: tarred(FILES, "w:bz2"),
    "tar.xz": lambda: tarred(FILES, "w:xz"),
    "txt.gz": lambda: gzip.compress(TEXT.encode()),
    "ipynb": lambda: makers.notebook(makers.markdown_cell(TEXT), makers.code_cell("x = 1")),
}


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Return ``data`` cut off, with bits turned over, or with parts of it elsewhere.

    Of half of the ZIP archives a member is damaged, since a packed one would not be unpacked.
    """
    if data.startswith(b"PK") and chance.random() < 0.5:
        return _with_damaged_member(data, chance)
    return chance.choice((_cut, _flipped, _flipped, _spliced))(data, chance)


def _cut(data, chance):
    return data[: chance.randrange(1, len(data))]


def _flipped(data, chance):
    changed = bytearray(data)
    for _ in range(chance.choice((1, 3, 10, 60))):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _spliced(data, chance):
    start = chance.randrange(len(data))
    piece = data[start : start + chance.randrange(1, 2000)]
    at = chance.randrange(len(data))
    over = len(piece) if chance.random() < 0.5 else 0
    return data[:at] + piece * chance.choice((1, 1, 20)) + data[at + over :]


def _with_damaged_member(data, chance):
    output = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(output, "w") as new:
        infos = old.infolist()
        chosen = chance.choice(infos)
        for info in infos:
            content = old.read(info)
            if info is chosen and len(content) > 1:
                content = chance.choice((_cut, _flipped, _spliced))(content, chance)
            new.writestr(info, content)
    return output.getvalue()
