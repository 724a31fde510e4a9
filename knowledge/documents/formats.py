"""One row for each format: what its files are called and look like, and what reads them.

To add a format, add a row here and its loader, `knowledge.documents.loaders`. Detection, the
choice of engines, media types and the table in docs/formats.md derive from the rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from knowledge.documents.format_row import Content, Format, Kind
from knowledge.documents.syntaxes import OTHER_EXTENSIONS, SYNTAXES

_OFFICE = "application/vnd.openxmlformats-officedocument"
_OPEN = "application/vnd.oasis.opendocument"
_CMS = tuple(
    bytes.fromhex(identifier)
    for identifier in ("06092a864886f70d0107", "060b2a864886f70d0109100109")
)
"""How the types of signed, encrypted and packed content begin (RFC 5652, RFC 3274)."""
_NO_NUMBER_FORMATS = "number formats other than dates and percentages"

FORMATS: tuple[Format, ...] = (
    Format(
        "pdf",
        "PDF",
        "pdf.pdf",
        "pdf",
        media_types=("application/pdf",),
        kinds=(Kind("PDF document", magic=(b"%PDF-",)),),
        engines=("pdfium", "pypdf", "kreuzberg"),
        engine="PDFium (pypdfium2), then pypdf",
        cites="page; bookmarks as heading path; attachments as members",
        lost="layout, tables as tables",
    ),
    Format(
        "docx",
        "Word",
        "office.docx",
        "docx docm dotx dotm",
        media_types=(f"{_OFFICE}.wordprocessingml.document",),
        kinds=(Kind("Word document", zip_part="word/"),),
        engines=("lxml", "kreuzberg"),
        engine="own reader (lxml), then kreuzberg",
        cites="heading path",
        lost="tracked deletions, bold and italics",
    ),
    Format(
        "xlsx",
        "Excel",
        "sheets.workbook",
        "xlsx xlsm xltx xltm xlsb",
        media_types=(f"{_OFFICE}.spreadsheetml.sheet",),
        kinds=(Kind("Excel workbook", zip_part="xl/"),),
        engine="calamine",
        cites="sheet and rows; the header row stands in each chunk",
        lost="formulas that have a result, number formats other than dates and percentages; "
        "XLSB: all formulas, errors, links, merged cells and marks",
    ),
    Format(
        "pptx",
        "PowerPoint",
        "office.presentation",
        "pptx pptm ppsx ppsm potx potm",
        media_types=(f"{_OFFICE}.presentationml.presentation",),
        kinds=(Kind("PowerPoint presentation", zip_part="ppt/"),),
        engine="own reader (lxml), then kreuzberg",
        cites="slide, with its title; notes, comments and charts too",
        lost="layout, pictures",
    ),
    Format(
        "ppt",
        "PowerPoint 97",
        "office.office97",
        "ppt pps pot",
        media_types=("application/vnd.ms-powerpoint",),
        kinds=(Kind("PowerPoint 97-2003 presentation", streams=("PowerPoint Document",)),),
        newer="pptx",
        text_instead="text",
        engine="own reader (olefile), then kreuzberg",
        cites="slide",
        lost="tables, charts, comments, what is raised, struck or in symbol fonts",
    ),
    Format(
        "doc",
        "Word 97",
        "office.office97",
        "doc dot",
        media_types=("application/msword",),
        kinds=(Kind("Word 97-2003 document", streams=("WordDocument",)),),
        newer="docx",
        text_instead="text",
        engine="own reader (olefile), then kreuzberg",
        cites="heading path",
        lost="list marks, the place of notes, what is raised, struck or in symbol fonts",
    ),
    Format(
        "xls",
        "Excel 97",
        "sheets.workbook",
        "xls xlt",
        media_types=("application/vnd.ms-excel",),
        kinds=(Kind("Excel 97-2003 workbook", streams=("Workbook", "Book")),),
        newer="xlsx",
        text_instead="rows",
        engine="xlrd",
        cites="sheet and rows",
        lost=f"formulas, checkboxes, {_NO_NUMBER_FORMATS}",
    ),
    Format(
        "epub",
        "EPUB",
        "web.epub",
        "epub",
        media_types=("application/epub+zip",),
        kinds=(
            Kind("EPUB book", zip_part="META-INF/container.xml", zip_type=b"application/epub+zip"),
        ),
        engine="own reader and the HTML loader",
        cites="chapter and its title",
        lost="pictures; protected chapters are refused",
    ),
    Format(
        "odt",
        "OpenDocument text",
        "office.opendocument",
        "odt ott fodt",
        media_types=(f"{_OPEN}.text",),
        kinds=(
            Kind("OpenDocument text", zip_part="content.xml", zip_type=f"{_OPEN}.text".encode()),
        ),
        engine="own reader (lxml)",
        cites="heading path",
        lost="formulas, charts",
    ),
    Format(
        "odp",
        "OpenDocument slides and drawings",
        "office.opendocument",
        "odp otp fodp odg otg",
        media_types=(f"{_OPEN}.presentation",),
        kinds=(
            Kind("OpenDocument presentation", zip_type=f"{_OPEN}.presentation".encode()),
            Kind("OpenDocument drawing", zip_type=f"{_OPEN}.graphics".encode()),
        ),
        engine="own reader (lxml)",
        cites="slide or page",
        lost="charts",
    ),
    Format(
        "ods",
        "OpenDocument sheet",
        "sheets.workbook",
        "ods ots fods",
        media_types=(f"{_OPEN}.spreadsheet",),
        kinds=(Kind("OpenDocument spreadsheet", zip_type=f"{_OPEN}.spreadsheet".encode()),),
        engine="calamine",
        cites="sheet and rows",
        lost=f"formulas that have a result, {_NO_NUMBER_FORMATS}",
    ),
    Format(
        "rtf",
        "RTF",
        "office.rtf",
        "rtf",
        media_types=("application/rtf", "text/rtf"),
        kinds=(Kind("RTF document", magic=(b"{\\rtf",)),),
        text_instead="text",
        engine="kreuzberg, then striprtf",
        cites="heading path",
        lost="list marks, the place of notes",
    ),
    Format(
        "html",
        "HTML",
        "web.html",
        "html htm xhtml xht",
        media_types=("text/html", "application/xhtml+xml"),
        content=Content.TEXT,
        engine="lxml; trafilatura points at the main text",
        cites="heading path",
        lost="addresses of links, forms, comments of readers; `html=full` keeps navigation, "
        "banners and footers",
    ),
    Format(
        "mhtml",
        "MHTML",
        "web.mhtml",
        "mhtml mht",
        media_types=("multipart/related", "message/rfc822"),
        content=Content.TEXT,
        engine="as HTML",
        cites="heading path",
        lost="pictures, other frames",
    ),
    Format(
        "xml",
        "XML",
        "text.xml",
        "xml xsd xsl xslt svg plist rss atom rdf opml dita dbk docbook nxml jats tei fb2 wsdl "
        "xliff xlf tmx kml gpx resx csproj vcxproj",
        media_types=("text/xml", "application/xml"),
        media_types_of={"svg": ("image/svg+xml",)},
        content=Content.TEXT,
        engine="lxml; nothing is fetched, no entity is expanded",
        cites="lines; heading path for prose and feeds",
        lost="comments of prose, and attributes that are no words",
    ),
    Format(
        "markdown",
        "Markdown",
        "text.markdown",
        "md markdown mdx mkd mkdn mdown qmd rmd",
        media_types=("text/markdown", "text/x-markdown"),
        content=Content.INLINE,
        cites="lines and heading path",
        lost="inlined pictures",
    ),
    Format(
        "rst",
        "reStructuredText",
        "text.markup",
        "rst rest",
        media_types=("text/x-rst", "text/plain"),
        content=Content.INLINE,
        cites="lines and heading path",
    ),
    Format(
        "asciidoc",
        "AsciiDoc",
        "text.markup",
        "adoc asciidoc asc",
        media_types=("text/asciidoc", "text/plain"),
        content=Content.VERBATIM,
        cites="lines and heading path",
    ),
    Format(
        "org",
        "Org",
        "text.markup",
        "org",
        media_types=("text/org", "text/plain"),
        content=Content.VERBATIM,
        cites="lines and heading path",
    ),
    Format(
        "latex",
        "LaTeX",
        "text.markup",
        "tex ltx latex",
        media_types=("application/x-latex", "application/x-tex", "text/plain"),
        content=Content.VERBATIM,
        cites="lines and heading path",
    ),
    Format(
        "text",
        "plain text",
        "text.text",
        "txt text log bib textile wiki po diff patch",
        "readme license licence copying notice authors contributors changelog changes news todo "
        "install codeowners maintainers version requirements.txt",
        media_types=("text/plain",),
        content=Content.INLINE,
        engine="own, any encoding",
    ),
    Format(
        "rows",
        "CSV, TSV",
        "text.delimited",
        "csv tsv tab",
        media_types=("text/csv",),
        media_types_of={"tsv tab": ("text/tab-separated-values",)},
        content=Content.INLINE,
        cites="lines; the header row stands in each chunk, a row is never cut in two; a new row "
        "moves the chunks beside it alone",
    ),
    Format(
        "json",
        "JSON",
        "text.json",
        "json json5 jsonc geojson webmanifest",
        media_types=("application/json",),
        content=Content.INLINE,
        cites="lines and the top-level key; JSON on one line is indented first",
        lost="`\\u` escapes become characters",
    ),
    Format(
        "structured",  # asked for by name; a file of this shape is also read as it by "json"
        "structured documents",
        "text.json",
        cites="document, with its own metadata",
        lost="nested metadata",
    ),
    Format(
        "jsonl",
        "JSON Lines",
        "text.json",
        "jsonl ndjson",
        media_types=("application/x-ndjson", "application/jsonl"),
        content=Content.VERBATIM,
        cites="lines; a record is kept whole",
    ),
    Format(
        "notebook",
        "Jupyter notebook",
        "text.notebook",
        "ipynb",
        media_types=("application/x-ipynb+json",),
        content=Content.TEXT,
        cites="cell and heading path",
        lost="outputs over 40 lines, pictures",
    ),
    Format(
        "subtitles",
        "subtitles",
        "text.subtitles",
        "srt vtt",
        media_types=("application/x-subrip", "text/vtt"),
        content=Content.VERBATIM,
        cites="cues, and when the first begins",
        lost="styles",
    ),
    Format(
        "calendar",
        "calendar",
        "text.calendar",
        "ics ical icalendar ifb",
        media_types=("text/calendar",),
        begins=(b"BEGIN:VCALENDAR",),
        content=Content.INLINE,
        cites="lines; the event, task or entry, by its summary",
        lost="alarms, definitions of time zones, files inside",
    ),
    Format(
        "card",
        "cards of people",
        "text.card",
        "vcf vcard",
        media_types=("text/vcard", "text/x-vcard", "text/directory"),
        begins=(b"BEGIN:VCARD",),
        content=Content.INLINE,
        cites="lines; the card, by its name",
        lost="pictures, sounds, keys",
    ),
    Format(
        "mail",
        "mail",
        "mail.message",
        "eml emlx",
        media_types=("message/rfc822",),
        content=Content.TEXT,
        engine="Python's email",
        cites="part; attachments as members",
        lost="layout",
    ),
    Format(
        "msg",
        "Outlook mail",
        "mail.msg",
        "msg",
        media_types=("application/vnd.ms-outlook",),
        kinds=(Kind("Outlook message"),),
        engine="own reader (olefile)",
        cites="part; attachments as members",
        lost="layout",
    ),
    Format(
        "tnef",
        "Outlook wrapping (winmail.dat)",
        "mail.tnef",
        "tnef",
        file_names="winmail.dat",
        media_types=("application/ms-tnef", "application/vnd.ms-tnef"),
        kinds=(Kind("Outlook wrapping (TNEF)", magic=(b"\x78\x9f\x3e\x22",)),),
        container=True,
        engine="tnefparse",
        cites="part; attachments as members",
        lost="layout",
    ),
    Format(
        "envelope",
        "signed mail and files (S/MIME)",
        "mail.signed",
        "p7m",
        media_types=("application/pkcs7-mime", "application/x-pkcs7-mime"),
        # Behind the length of all, which takes one to five bytes.
        kinds=tuple(
            Kind("signed or encrypted envelope (CMS)", magic=_CMS, at=at) for at in range(2, 7)
        ),
        begins=(b"-----BEGIN PKCS7-----", b"-----BEGIN CMS-----"),
        container=True,
        engine="asn1crypto",
        cites="as the mail, or the file as a member",
        lost="signatures, which are not verified; what is encrypted",
    ),
    Format(
        "mbox",
        "mailbox",
        "mail.mbox",
        "mbox mbx",
        media_types=("application/mbox",),
        content=Content.TEXT,
        cites="message, with its subject; attachments as members",
        lost="layout",
    ),
    Format(
        "code",
        "source code and configuration",
        "text.code",
        " ".join((*SYNTAXES.values(), OTHER_EXTENSIONS)),
        "makefile gnumakefile dockerfile containerfile vagrantfile jenkinsfile rakefile gemfile "
        "procfile justfile brewfile cmakelists.txt build workspace pipfile .gitignore "
        ".gitattributes .dockerignore .editorconfig .env .npmrc .bashrc .zshrc .profile .vimrc "
        ".gitconfig",
        media_types=("text/plain",),
        content=Content.VERBATIM,
        engine="tree-sitter, else lines",
        cites="lines and `Class > method`",
    ),
    Format(
        "image",
        "pictures",
        "images.image",
        "png jpg jpeg jpe jfif tif tiff bmp webp gif",
        media_types_of={
            "png": ("image/png",),
            "jpg jpeg jpe jfif": ("image/jpeg",),
            "tif tiff": ("image/tiff",),
            "bmp": ("image/bmp",),
            "webp": ("image/webp",),
            "gif": ("image/gif",),
        },
        kinds=(
            Kind("PNG image", magic=(b"\x89PNG\r\n\x1a\n",)),
            Kind("JPEG image", magic=(b"\xff\xd8\xff",)),
            Kind("GIF image", magic=(b"GIF87a", b"GIF89a")),
            Kind("TIFF image", magic=(b"II*\0", b"MM\0*")),
            Kind("WebP image", riff=b"WEBP"),
        ),
        extra="ocr",
        engine="rapidocr",
        cites="page of a TIFF",
        lost="layout",
    ),
    Format(
        "zip",
        "ZIP",
        "archives.zip",
        "zip",
        media_types=("application/zip",),
        container=True,
        engine="Python's",
        cites="`archive.zip!/path/in/it` and what the member's format names",
        lost="links out of the archive",
    ),
    Format(
        "tar",
        "TAR",
        "archives.tar",
        "tar",
        media_types=("application/x-tar",),
        kinds=(Kind("TAR archive", magic=(b"ustar",), at=257),),
        container=True,
        engine="Python's",
        cites="`archive.tar!/path/in/it` and what the member's format names",
        lost="links out of the archive",
    ),
    Format(
        "packed",
        "packed files and TAR archives",
        "archives.packed",
        "gz gzip tgz bz2 tbz tbz2 xz txz lzma",
        media_types_of={
            "gz gzip tgz": ("application/gzip", "application/x-gzip"),
            "bz2 tbz tbz2": ("application/x-bzip2",),
            "xz txz": ("application/x-xz",),
        },
        kinds=(
            Kind("gzip archive", magic=(b"\x1f\x8b",)),
            Kind("bzip2 archive", magic=(b"BZh",)),
            Kind("xz archive", magic=(b"\xfd7zXZ\0",)),
        ),
        container=True,
        engine="Python's",
        cites="`notes.txt.gz!/notes.txt` and so on",
    ),
)

BY_NAME: Mapping[str, Format] = MappingProxyType({row.name: row for row in FORMATS})

SUPPORTED_EXTENSIONS: Mapping[str, str] = MappingProxyType(
    {f".{extension}": row.name for row in FORMATS for extension in row.extensions.split()}
)
"""Extension, with its dot and in lower case, to format."""

_FILE_NAMES = {name: row.name for row in FORMATS for name in row.file_names.split()}


def names_of(content: Content) -> frozenset[str]:
    """Return the names of the formats whose files hold this kind of content."""
    return frozenset(row.name for row in FORMATS if row.content >= content)


def names_where(fact: str) -> frozenset[str]:
    """Return the names of the formats of which a fact holds, such as ``container``."""
    return frozenset(row.name for row in FORMATS if getattr(row, fact))


def format_by_name(name: str) -> str | None:
    """Return the format that a file's name stands for, upper and lower case alike."""
    base = name.replace("\\", "/").rpartition("/")[2].lower()
    if base in _FILE_NAMES:
        return _FILE_NAMES[base]
    stem, dot, extension = base.rpartition(".")
    return SUPPORTED_EXTENSIONS.get(dot + extension) if stem else None
