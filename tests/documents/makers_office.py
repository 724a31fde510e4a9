"""Office documents and books, made on the spot."""

import io
import struct
import zipfile

from tests.documents.ole_makers import ole

WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
_ODF = "urn:oasis:names:tc:opendocument:xmlns:"
_ODF_NAMES = " ".join(
    f'xmlns:{name}="{_ODF}{name}:1.0"'
    for name in ("office", "text", "table", "style", "presentation", "meta", "manifest")
) + (
    f' xmlns:draw="{_ODF}drawing:1.0" xmlns:xlink="http://www.w3.org/1999/xlink"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/"'
)


def packed(parts, stored=()):
    """A ZIP archive of these parts; ``stored`` ones come first, not deflated."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(parts, key=lambda name: name not in stored):
            method = zipfile.ZIP_STORED if name in stored else zipfile.ZIP_DEFLATED
            archive.writestr(name, parts[name], method)
    return output.getvalue()


def changed(data, **parts):
    """An archive with parts added or replaced; ``__`` in their names stands for a slash."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    return packed(found | parts)


def parts_of(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def with_relation(data, source, identity, kind, target, content, content_type="application/xml"):
    """An OOXML package with one more part, to which the part ``source`` relates."""
    parts = parts_of(data)
    folder, _, base = source.rpartition("/")
    path = f"{folder}/_rels/{base}.rels"
    empty = '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"/>'
    relations = parts.get(path, empty.encode()).decode()
    added = f'<Relationship Id="{identity}" Type="{_RELATIONS}{kind}" Target="{target}"/>'
    if "</Relationships>" in relations:
        relations = relations.replace("</Relationships>", added + "</Relationships>")
    else:
        relations = relations.replace("/>", f">{added}</Relationships>")
    types = parts["[Content_Types].xml"].decode()
    override = f'<Override PartName="/{folder}/{target}" ContentType="{content_type}"/></Types>'
    return packed(
        parts
        | {
            path: relations,
            f"{folder}/{target}": content,
            "[Content_Types].xml": types.replace("</Types>", override),
        }
    )


_WORD_TYPES = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
    "docm": "application/vnd.ms-word.document.macroEnabled.main+xml",
    "dotx": "application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml",
    "dotm": "application/vnd.ms-word.template.macroEnabledTemplate.main+xml",
}
_STRICT = "http://purl.oclc.org/ooxml/"


def word(body, kind="docx", *, strict=False, **parts):
    """A Word document of this XML; ``parts`` are styles, comments, header1 and the like."""
    names = (
        f'{WORD} xmlns:r="{_RELATIONS[:-1]}" '
        'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
        'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
        'xmlns:v="urn:schemas-microsoft-com:vml"'
    )
    roots = {"header1": "hdr", "footer1": "ftr"}
    kinds = {"header1": "header", "footer1": "footer"}
    main = f"<w:document {names}><w:body>{body}</w:body></w:document>"
    files = {
        "word/document.xml": main,
        "_rels/.rels": _related([("rId1", "officeDocument", "word/document.xml")]),
        "word/_rels/document.xml.rels": _related(
            [(f"part{name}", kinds.get(name, name), f"{name}.xml") for name in parts]
        ),
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/'
        'content-types"><Default Extension="xml" ContentType="application/xml"/><Default '
        'Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{_WORD_TYPES[kind]}"/></Types>',
    }
    for name, content in parts.items():
        root = roots.get(name, name)
        files[f"word/{name}.xml"] = f"<w:{root} {names}>{content}</w:{root}>"
    return packed({name: _strict(text) for name, text in files.items()} if strict else files)


def _related(relations):
    each = "".join(
        f'<Relationship Id="{identity}" Type="{_RELATIONS}{kind}" Target="{target}"/>'
        for identity, kind, target in relations
    )
    names = "http://schemas.openxmlformats.org/package/2006/relationships"
    return f'<Relationships xmlns="{names}">{each}</Relationships>'


def _strict(text):
    """The namespaces of ISO/IEC 29500 Strict for those of Transitional."""
    import re

    return re.sub(
        r"http://schemas\.openxmlformats\.org/(wordprocessingml|officeDocument|drawingml)/2006/",
        rf"{_STRICT}\1/",
        text,
    )


def pptx(build):
    """A presentation that ``build`` fills."""
    import pptx

    presentation = pptx.Presentation()
    build(presentation)
    output = io.BytesIO()
    presentation.save(output)
    return output.getvalue()


def xlsx(build):
    """A workbook that ``build`` fills."""
    import openpyxl

    book = openpyxl.Workbook()
    build(book)
    output = io.BytesIO()
    book.save(output)
    return output.getvalue()


def xls(**sheets):
    """A workbook of Excel 97: rows by the names of the sheets."""

    def build(book):
        for name, rows in sheets.items():
            sheet = book.add_sheet(name)
            for number, row in enumerate(rows):
                for column, value in enumerate(row):
                    sheet.write(number, column, value)

    return xls_of(build)


def xls_of(build):
    """A workbook of Excel 97 that ``build`` fills with xlwt."""
    import xlwt

    book = xlwt.Workbook()
    build(book)
    output = io.BytesIO()
    book.save(output)
    return output.getvalue()


def with_records(sheet, *records):
    """Let a sheet of xlwt end with records of [MS-XLS]: number and content of each."""
    data = sheet.get_biff_data()
    own = b"".join(struct.pack("<HH", number, len(body)) + body for number, body in records)
    sheet.get_biff_data = lambda: data[:-4] + own + data[-4:]


def odf(kind, body, styles="", meta=""):
    """An OpenDocument file; ``kind`` is text, spreadsheet or presentation."""
    content = (
        f"<office:document-content {_ODF_NAMES}><office:body><office:{kind}>{body}"
        f"</office:{kind}></office:body></office:document-content>"
    )
    parts = {
        "mimetype": f"application/vnd.oasis.opendocument.{kind}",
        "content.xml": content,
        "styles.xml": f"<office:document-styles {_ODF_NAMES}>{styles}</office:document-styles>",
        "meta.xml": f"<office:document-meta {_ODF_NAMES}><office:meta>{meta}</office:meta>"
        "</office:document-meta>",
        "META-INF/manifest.xml": f"<manifest:manifest {_ODF_NAMES}/>",
    }
    return packed(parts, stored=("mimetype",))


def locked_odf(data, password):
    """An OpenDocument file encrypted as LibreOffice does it (AES-256, PBKDF2)."""
    import base64
    import hashlib
    import zlib

    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    salt, vector = bytes(range(16)), bytes(range(16, 32))
    start = hashlib.sha256(password.encode()).digest()
    key = hashlib.pbkdf2_hmac("sha1", start, salt, 1000, 32)
    parts = parts_of(data)
    entries = ""
    for name in ("content.xml", "styles.xml"):
        deflater = zlib.compressobj(wbits=-15)
        plain = deflater.compress(parts[name]) + deflater.flush()
        plain += b"\0" * (-len(plain) % 16)
        encryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
        parts[name] = encryptor.update(plain) + encryptor.finalize()
        entries += (
            f'<manifest:file-entry manifest:full-path="{name}"><manifest:encryption-data>'
            '<manifest:algorithm manifest:algorithm-name="http://www.w3.org/2001/04/xmlenc#aes256-cbc"'
            f' manifest:initialisation-vector="{base64.b64encode(vector).decode()}"/>'
            "<manifest:start-key-generation manifest:start-key-generation-name="
            '"http://www.w3.org/2000/09/xmldsig#sha256"/>'
            '<manifest:key-derivation manifest:key-derivation-name="PBKDF2" manifest:key-size="32"'
            f' manifest:iteration-count="1000" manifest:salt="{base64.b64encode(salt).decode()}"/>'
            "</manifest:encryption-data></manifest:file-entry>"
        )
    parts["META-INF/manifest.xml"] = (
        f"<manifest:manifest {_ODF_NAMES}>{entries}</manifest:manifest>"
    )
    return packed(parts, stored=("mimetype",))


def locked_ooxml(data, password):
    """An OOXML file encrypted as Office does it."""
    from msoffcrypto.format.ooxml import OOXMLFile

    output = io.BytesIO()
    OOXMLFile(io.BytesIO(data)).encrypt(password, output)
    return output.getvalue()


def epub(chapters, titles=(), metadata="", more=None):
    """A book; ``chapters`` are the bodies of its pages, ``titles`` those of its contents."""
    numbers = range(1, len(chapters) + 1)
    items = "".join(
        f'<item id="c{n}" href="text/part%20{n}.xhtml" media-type="application/xhtml+xml"/>'
        for n in numbers
    )
    links = "".join(
        f'<li><a href="text/part%20{n}.xhtml#top">{title}</a></li>'
        for n, title in enumerate(titles, 1)
    )
    parts = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": f'<container xmlns="{_ODF}container">'
        '<rootfiles><rootfile full-path="book/package.opf"/></rootfiles></container>',
        "book/package.opf": '<package xmlns="http://www.idpf.org/2007/opf" version="3.0">'
        f'<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">{metadata}</metadata><manifest>{items}'
        '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
        f"</manifest><spine>{''.join(f'<itemref idref={chr(34)}c{n}{chr(34)}/>' for n in numbers)}"
        "</spine></package>",
        "book/nav.xhtml": '<html xmlns="http://www.w3.org/1999/xhtml"><body><nav><ol>'
        f"{links}</ol></nav></body></html>",
    }
    for n, body in zip(numbers, chapters, strict=True):
        parts[f"book/text/part {n}.xhtml"] = (
            '<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml">'
            f"<head><title>page</title></head><body>{body}</body></html>"
        )
    return packed(parts | (more or {}), stored=("mimetype",))


def doc(paragraphs, beside=(), wide=True):
    """A document of Word 97.

    ``paragraphs`` holds (text with its ending sign, style, changes of properties); ``beside`` the
    texts of footnotes, headers, macros, comments, endnotes and boxes, in this order.
    """
    main = "".join(text for text, _, _ in paragraphs)
    text = main + "".join(beside)
    encoded = text.encode("utf-16-le" if wide else "cp1252")
    width = 2 if wide else 1
    stream = bytearray(1024) + encoded
    stream += bytes(-len(stream) % 512)
    struct.pack_into("<HHHHHHH", stream, 0, 0xA5EC, 0x00C1, 0, 0x409, 0, 0x0200, 0x00BF)
    lengths = [len(main), *map(len, beside)]
    struct.pack_into("<8I", stream, 0x4C, *(lengths + [0] * (8 - len(lengths))))
    pieces = struct.pack("<II", 0, len(text)) + struct.pack(
        "<HIH", 0, 1024 if wide else 2048 | 0x40000000, 0
    )
    clx = b"\x02" + struct.pack("<I", len(pieces)) + pieces
    page, bounds = _paragraph_page(paragraphs, width)
    table = clx + struct.pack("<III", *bounds, len(stream) // 512)
    struct.pack_into("<II", stream, 0x1A2, 0, len(clx))
    struct.pack_into("<II", stream, 0x102, len(clx), 12)
    return ole({("WordDocument",): bytes(stream) + page, ("1Table",): table})


def _paragraph_page(paragraphs, width):
    page = bytearray(512)
    starts = [1024]
    for text, _, _ in paragraphs:
        starts.append(starts[-1] + len(text) * width)
    at = 510
    for number, (_, style, changes) in enumerate(paragraphs):
        found = struct.pack("<H", style) + changes
        found += b"\0" * (len(found) % 2 == 0)
        at = (at - len(found) - 1) // 2 * 2
        page[at : at + 1 + len(found)] = bytes([(len(found) + 1) // 2]) + found
        page[4 * len(starts) + 13 * number] = at // 2
    struct.pack_into(f"<{len(starts)}I", page, 0, *starts)
    page[511] = len(paragraphs)
    return bytes(page), (starts[0], starts[-1])


IN_TABLE = b"\x16\x24\x01"
ROW_END = IN_TABLE + b"\x17\x24\x01"


def ppt(*slides, with_user=True):
    """A presentation of PowerPoint 97: (title, body, text of a box, notes) of each slide."""
    stream = b""
    places = {}
    outline = b""
    for number, (title, body, box, note) in enumerate(slides, 1):
        outline += _record(1011, struct.pack("<IIiII", number, 0, 0, 255 + number, 0))
        outline += _record(3999, struct.pack("<I", 0)) + _record(4000, title.encode("utf-16-le"))
        outline += _record(3999, struct.pack("<I", 1)) + _record(4008, body.encode("latin-1"))
        drawn = _box(_record(3998, struct.pack("<I", 0))) + _box(
            _record(3999, struct.pack("<I", 4)) + _record(4000, box.encode("utf-16-le"))
        )
        places[number] = len(stream)
        stream += _record(1006, _record(1036, drawn, True), True)
        if note:
            shown = _record(3999, struct.pack("<I", 2)) + _record(4008, note.encode("latin-1"))
            atom = _record(1009, struct.pack("<II", 255 + number, 0))
            stream += _record(1008, atom + _record(1036, _box(shown), True), True)
    stream += _record(1000, _record(4080, outline, True), True)
    directory = len(stream)
    entries = struct.pack("<I", 1 | len(places) << 20) + struct.pack(
        f"<{len(places)}I", *places.values()
    )
    stream += _record(6002, entries)
    edit = len(stream)
    stream += _record(4085, struct.pack("<IIIIIII", 0, 0, 0, directory, 0, 0, 0))
    user = _record(4086, struct.pack("<IIIHHBBH", 0x14, 0xE391C05F, edit, 4, 0x3F4, 3, 0, 0) + b"u")
    streams = {("PowerPoint Document",): stream}
    return ole(streams | ({("Current User",): user} if with_user else {}))


def _box(content):
    return _record(0xF004, _record(0xF00D, content), True)


def _record(kind, data, container=False):
    return struct.pack("<HHI", 0xF if container else 0, kind, len(data)) + data
