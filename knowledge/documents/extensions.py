"""Which format a file's name stands for."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_EXTENSIONS = {
    "markdown": "md markdown mdx mkd mkdn mdown qmd rmd",
    "text": "txt text log bib textile wiki po pot diff patch",
    "rst": "rst rest",
    "asciidoc": "adoc asciidoc asc",
    "org": "org",
    "latex": "tex ltx latex",
    "html": "html htm xhtml xht",
    "mhtml": "mhtml mht",
    "xml": "xml xsd xsl xslt svg plist rss atom rdf opml dita dbk docbook nxml jats tei fb2 wsdl "
    "xliff xlf tmx kml gpx resx csproj vcxproj",
    "subtitles": "srt vtt",
    "pdf": "pdf",
    "docx": "docx docm dotx dotm",
    "pptx": "pptx pptm ppsx ppsm potx potm",
    "xlsx": "xlsx xlsm xltx xltm xlsb",
    "doc": "doc dot",
    "ppt": "ppt pps pot",
    "xls": "xls xlt",
    "odt": "odt ott fodt",
    "odp": "odp otp fodp odg otg",
    "ods": "ods ots",
    "rtf": "rtf",
    "epub": "epub",
    "image": "png jpg jpeg jpe jfif tif tiff bmp webp gif",
    "mail": "eml emlx",
    "msg": "msg",
    "mbox": "mbox mbx",
    "zip": "zip",
    "tar": "tar",
    "packed": "gz gzip tgz bz2 tbz tbz2 xz txz lzma",
    "rows": "csv tsv tab",
    "json": "json json5 jsonc geojson webmanifest",
    "jsonl": "jsonl ndjson",
    "notebook": "ipynb",
    "code": "py pyi pyx js jsx mjs cjs ts tsx mts cts java kt kts groovy go rs c h cc cpp cxx hh "
    "hpp hxx cs vb rb php swift m mm scala sc sh bash zsh fish ps1 psm1 bat cmd sql r jl lua pl pm "
    "t toml yaml yml ini cfg conf cnf env properties css "
    "scss sass less vue svelte astro gradle proto thrift graphql gql tf tfvars hcl dart ex exs "
    "erl hrl hs lhs elm ml mli fs fsx fsi clj cljs cljc edn lisp el scm rkt nim zig v sv vhd "
    "vhdl asm s f f90 f95 pas d cr sol cmake mk mak dockerfile jinja j2 tmpl mustache hbs ejs "
    "erb twig liquid awk sed tcl vim nix bzl bazel star cypher sparql service timer desktop "
    "reg lock",
}

SUPPORTED_EXTENSIONS: Mapping[str, str] = MappingProxyType(
    {
        f".{extension}": format_
        for format_, extensions in _EXTENSIONS.items()
        for extension in extensions.split()
    }
)
"""Extension, with its dot and in lower case, to format."""

_NAMES = {
    "code": "makefile gnumakefile dockerfile containerfile vagrantfile jenkinsfile rakefile "
    "gemfile procfile justfile brewfile cmakelists.txt build workspace pipfile .gitignore "
    ".gitattributes .dockerignore .editorconfig .env .npmrc .bashrc .zshrc .profile .vimrc "
    ".gitconfig",
    "text": "readme license licence copying notice authors contributors changelog changes news "
    "todo install codeowners maintainers version requirements.txt",
}
_FORMAT_OF_NAME = {name: format_ for format_, names in _NAMES.items() for name in names.split()}


def format_by_name(name: str) -> str | None:
    """Return the format that a file's name stands for, upper and lower case alike."""
    base = name.replace("\\", "/").rpartition("/")[2].lower()
    if base in _FORMAT_OF_NAME:
        return _FORMAT_OF_NAME[base]
    stem, dot, extension = base.rpartition(".")
    return SUPPORTED_EXTENSIONS.get(dot + extension) if stem else None
