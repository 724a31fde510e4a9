"""One row for each format: what its files are called and look like, and what reads them.

To add a format, add a row here and its loader, `knowledge.documents.loaders`. Detection, the
choice of engines, media types and the table in docs/formats.md derive from the rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Kind:
    """How bytes tell what kind of file they are.

    Parameters
    ----------
    name:
        As messages have it, such as "PNG image".
    magic, at:
        What stands at byte ``at``; one of these.
    riff:
        The type of a RIFF file.
    zip_part:
        How the name of a part begins that only this kind of ZIP archive has.
    zip_type:
        What the part ``mimetype`` of a ZIP archive holds.
    streams:
        What an OLE file of Office 97 to 2003 holds; one of these.
    """

    name: str
    magic: tuple[bytes, ...] = ()
    at: int = 0
    riff: bytes = b""
    zip_part: str = ""
    zip_type: bytes = b""
    streams: tuple[str, ...] = ()

    @property
    def is_package(self) -> bool:
        """Whether its parts tell it from other ZIP archives or OLE files."""
        return bool(self.zip_part or self.zip_type or self.streams)


@dataclass(frozen=True, slots=True)
class Format:
    """A format that a loader reads.

    Parameters
    ----------
    name:
        As options, flows and the catalog have it.
    title, engine, cites, lost:
        For docs/formats.md: what people call it, what reads it, what a citation names beside the
        file, and what is lost.
    loader:
        The module below `knowledge.documents.loaders`.
    extensions:
        In lower case, without dots, separated by spaces.
    file_names:
        Whole names of files, in lower case, separated by spaces.
    media_types:
        Of all its files; the usual one first.
    media_types_of:
        Of files with these extensions instead.
    kinds:
        How its bytes tell it.
    begins:
        How the text of a file begins that has no telling name.
    text:
        Its files are text: a binary file of such a name is damaged, not of another format.
    verbatim:
        The text is the file's own, so its size is known before it is read.
    inline:
        Small files are read in the main process: no native engine, nothing that grows.
    container:
        All that it holds is files, read by what they are.
    newer:
        The format of a protected file that has its older extension.
    text_instead:
        What a text is read as that has the name of this format.
    engines:
        Those that a user may choose from, the first one first; empty where there is one.
    extra:
        The optional dependency that reads it.
    """

    name: str
    title: str
    loader: str
    extensions: str = ""
    file_names: str = ""
    media_types: tuple[str, ...] = ()
    media_types_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kinds: tuple[Kind, ...] = ()
    begins: bytes = b""
    text: bool = False
    verbatim: bool = False
    inline: bool = False
    container: bool = False
    newer: str = ""
    text_instead: str = ""
    engines: tuple[str, ...] = ()
    extra: str = ""
    engine: str = "own"
    cites: str = "lines"
    lost: str = "nothing"

    @property
    def is_zip_package(self) -> bool:
        """Whether it is a ZIP archive of parts."""
        return any(kind.zip_part or kind.zip_type for kind in self.kinds)


SYNTAXES: Mapping[str, str] = MappingProxyType(
    {
        "python": "py pyi pyw pyx bzl bazel star",
        "javascript": "js jsx mjs cjs",
        "typescript": "ts mts cts",
        "tsx": "tsx",
        "java": "java",
        "go": "go",
        "rust": "rs",
        "c": "c",
        "cpp": "cpp cc cxx c++ h hh hpp hxx h++ ino cu",
        "csharp": "cs csx",
        "ruby": "rb rake gemspec",
        "php": "php phtml",
        "bash": "sh bash zsh bats",
        "kotlin": "kt kts",
        "swift": "swift",
        "scala": "scala sc sbt",
        "lua": "lua",
        "sql": "sql",
        "yaml": "yaml yml",
        "toml": "toml lock",
        "ini": "ini cfg conf cnf properties desktop service timer reg editorconfig",
    }
)
"""Languages of code whose definitions are known, with their extensions."""

_OTHER_CODE = (
    "groovy vb m mm fish ps1 psm1 bat cmd r jl pl pm t env css scss sass less vue svelte astro "
    "gradle proto thrift graphql gql tf tfvars hcl dart ex exs erl hrl hs lhs elm ml mli fs fsx "
    "fsi clj cljs cljc edn lisp el scm rkt nim zig v sv vhd vhdl asm s f f90 f95 pas d cr sol "
    "cmake mk mak dockerfile jinja j2 tmpl mustache hbs ejs erb twig liquid awk sed tcl vim nix "
    "cypher sparql"
)
_OFFICE = "application/vnd.openxmlformats-officedocument"
_OPEN = "application/vnd.oasis.opendocument"
_NO_NUMBER_FORMATS = "number formats other than dates and percentages"

FORMATS: tuple[Format, ...] = (
    Format(
        "pdf",
        "PDF",
        "pdf.pdf",
        "pdf",
        media_types=("application/pdf",),
        kinds=(Kind("PDF document", magic=(b"%PDF-",)),),
        engines=("kreuzberg", "pypdf"),
        engine="kreuzberg (PDFium), then pypdf; pypdfium2 for columns, bookmarks, form fields, "
        "comments and attachments",
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
        engines=("python-docx", "kreuzberg"),
        engine="own reader (python-docx), then kreuzberg",
        cites="heading path",
        lost="tracked deletions, bold and italics",
    ),
    Format(
        "xlsx",
        "Excel",
        "office.workbook",
        "xlsx xlsm xltx xltm xlsb",
        media_types=(f"{_OFFICE}.spreadsheetml.sheet",),
        kinds=(Kind("Excel workbook", zip_part="xl/"),),
        engine="calamine",
        cites="sheet and rows; the header row stands in each chunk",
        lost="formulas, number formats other than dates and (not in XLSB) percentages",
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
        lost="tables, charts, comments",
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
        lost="list marks, the place of notes",
    ),
    Format(
        "xls",
        "Excel 97",
        "office.workbook",
        "xls xlt",
        media_types=("application/vnd.ms-excel",),
        kinds=(Kind("Excel 97-2003 workbook", streams=("Workbook", "Book")),),
        newer="xlsx",
        text_instead="rows",
        engine="xlrd",
        cites="sheet and rows",
        lost=f"formulas, comments, {_NO_NUMBER_FORMATS}",
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
        "office.workbook",
        "ods ots",
        media_types=(f"{_OPEN}.spreadsheet",),
        kinds=(Kind("OpenDocument spreadsheet", zip_type=f"{_OPEN}.spreadsheet".encode()),),
        engine="calamine",
        cites="sheet and rows",
        lost=f"formulas, comments, {_NO_NUMBER_FORMATS}",
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
        text=True,
        engine="lxml; trafilatura points at the main text",
        cites="heading path",
        lost="addresses of links, forms, comments of readers; `--html full` keeps navigation, "
        "banners and footers",
    ),
    Format(
        "mhtml",
        "MHTML",
        "web.mhtml",
        "mhtml mht",
        media_types=("multipart/related", "message/rfc822"),
        text=True,
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
        text=True,
        engine="lxml; nothing is fetched, no entity is expanded",
        cites="lines; heading path for prose and feeds",
        lost="attributes and comments of prose",
    ),
    Format(
        "markdown",
        "Markdown",
        "text.markdown",
        "md markdown mdx mkd mkdn mdown qmd rmd",
        media_types=("text/markdown", "text/x-markdown"),
        text=True,
        verbatim=True,
        inline=True,
        cites="lines and heading path",
        lost="inlined pictures",
    ),
    Format(
        "rst",
        "reStructuredText",
        "text.markup",
        "rst rest",
        media_types=("text/x-rst", "text/plain"),
        text=True,
        verbatim=True,
        inline=True,
        cites="lines and heading path",
    ),
    Format(
        "asciidoc",
        "AsciiDoc",
        "text.markup",
        "adoc asciidoc asc",
        media_types=("text/asciidoc", "text/plain"),
        text=True,
        verbatim=True,
        cites="lines and heading path",
    ),
    Format(
        "org",
        "Org",
        "text.markup",
        "org",
        media_types=("text/org", "text/plain"),
        text=True,
        verbatim=True,
        cites="lines and heading path",
    ),
    Format(
        "latex",
        "LaTeX",
        "text.markup",
        "tex ltx latex",
        media_types=("application/x-latex", "application/x-tex", "text/plain"),
        text=True,
        verbatim=True,
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
        text=True,
        verbatim=True,
        inline=True,
        engine="own, any encoding",
    ),
    Format(
        "rows",
        "CSV, TSV",
        "text.delimited",
        "csv tsv tab",
        media_types=("text/csv",),
        media_types_of={"tsv tab": ("text/tab-separated-values",)},
        text=True,
        verbatim=True,
        inline=True,
        cites="lines; the header row stands in each chunk, a row is never cut in two; a new row "
        "moves the chunks beside it alone",
    ),
    Format(
        "json",
        "JSON",
        "text.json",
        "json json5 jsonc geojson webmanifest",
        media_types=("application/json",),
        text=True,
        verbatim=True,
        inline=True,
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
        text=True,
        verbatim=True,
        cites="lines; a record is kept whole",
    ),
    Format(
        "notebook",
        "Jupyter notebook",
        "text.notebook",
        "ipynb",
        media_types=("application/x-ipynb+json",),
        text=True,
        cites="cell and heading path",
        lost="outputs over 40 lines, pictures",
    ),
    Format(
        "subtitles",
        "subtitles",
        "text.subtitles",
        "srt vtt",
        media_types=("application/x-subrip", "text/vtt"),
        text=True,
        verbatim=True,
        cites="cues, and when the first begins",
        lost="styles",
    ),
    Format(
        "calendar",
        "calendar",
        "text.calendar",
        "ics ical icalendar ifb",
        media_types=("text/calendar",),
        begins=b"BEGIN:VCALENDAR",
        text=True,
        verbatim=True,
        inline=True,
        cites="lines; the event, task or entry, by its summary",
        lost="alarms, definitions of time zones, files inside",
    ),
    Format(
        "card",
        "cards of people",
        "text.card",
        "vcf vcard",
        media_types=("text/vcard", "text/x-vcard", "text/directory"),
        begins=b"BEGIN:VCARD",
        text=True,
        verbatim=True,
        inline=True,
        cites="lines; the card, by its name",
        lost="pictures, sounds, keys",
    ),
    Format(
        "mail",
        "mail",
        "mail.message",
        "eml emlx",
        media_types=("message/rfc822",),
        text=True,
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
        "mbox",
        "mailbox",
        "mail.mbox",
        "mbox mbx",
        media_types=("application/mbox",),
        text=True,
        cites="message, with its subject; attachments as members",
        lost="layout",
    ),
    Format(
        "code",
        "source code and configuration",
        "text.code",
        " ".join((*SYNTAXES.values(), _OTHER_CODE)),
        "makefile gnumakefile dockerfile containerfile vagrantfile jenkinsfile rakefile gemfile "
        "procfile justfile brewfile cmakelists.txt build workspace pipfile .gitignore "
        ".gitattributes .dockerignore .editorconfig .env .npmrc .bashrc .zshrc .profile .vimrc "
        ".gitconfig",
        media_types=("text/plain",),
        text=True,
        verbatim=True,
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
_MEDIA_TYPES_OF = {
    f".{extension}": types
    for row in FORMATS
    for extensions, types in row.media_types_of.items()
    for extension in extensions.split()
}
_NUMBER_OF_ROWS = Counter(
    one for row in FORMATS for one in {*row.media_types, *sum(row.media_types_of.values(), ())}
)

MEDIA_TYPES = frozenset(_NUMBER_OF_ROWS)
"""The media types that a file may be found to have."""

_EXTENSIONS = {
    media_type: f".{extensions.split()[0]}"
    for row in FORMATS
    if not row.container
    for extensions, types in (*row.media_types_of.items(), (row.extensions, row.media_types))
    for media_type in types
    if _NUMBER_OF_ROWS[media_type] == 1
}


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


def media_types(name: str, format_: str | None) -> tuple[str, ...]:
    """Return the media types of a file, given its name in lower case and its format."""
    for extension, types in _MEDIA_TYPES_OF.items():
        if name.endswith(extension):
            return types
    row = BY_NAME.get(format_ or "")
    return row.media_types if row else ()


def extension_of(media_type: str) -> str | None:
    """Return the extension, with its dot, that a media type stands for.

    ``None`` where several formats share the type, as they do ``text/plain``, where its files are
    containers, which their bytes tell surely, and where no loader reads it.
    """
    return _EXTENSIONS.get(media_type)
