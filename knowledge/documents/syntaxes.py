"""Which language a file of code is in: by its name, else by its first line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

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

OTHER_EXTENSIONS = (
    "groovy vb m mm fish ps1 psm1 bat cmd r jl pl pm t env css scss sass less vue svelte astro "
    "gradle proto thrift graphql gql tf tfvars hcl dart ex exs erl hrl hs lhs elm ml mli fs fsx "
    "fsi clj cljs cljc edn lisp el scm rkt nim zig v sv vhd vhdl asm s f f90 f95 pas d cr sol "
    "cmake mk mak dockerfile jinja j2 tmpl mustache hbs ejs erb twig liquid awk sed tcl vim nix "
    "cypher sparql"
)
"""Extensions of code in other languages, and of what is read like code."""

_OF_EXTENSION = {
    extension: syntax for syntax, extensions in SYNTAXES.items() for extension in extensions.split()
}
_NAMES = {
    "rakefile": "ruby",
    "gemfile": "ruby",
    "vagrantfile": "ruby",
    "brewfile": "ruby",
    "pipfile": "toml",
    "build": "python",
    "workspace": "python",
    ".bashrc": "bash",
    ".zshrc": "bash",
    ".profile": "bash",
    ".editorconfig": "ini",
    ".gitconfig": "ini",
}
_SHEBANG = re.compile(r"#![^\n]*?\b(bash|zsh|sh|ksh|dash|python|node|deno|ruby|php|lua)[\d.]*\b")
_INTERPRETERS = {
    **dict.fromkeys(("bash", "zsh", "sh", "ksh", "dash"), "bash"),
    **dict.fromkeys(("node", "deno"), "javascript"),
    "python": "python",
    "ruby": "ruby",
    "php": "php",
    "lua": "lua",
}


def syntax_of(name: str, text: str = "") -> str:
    """Return the syntax of a file's text; empty where it is none that is known here."""
    base = name.replace("\\", "/").rpartition("/")[2].lower()
    if base in _NAMES:
        return _NAMES[base]
    known = _OF_EXTENSION.get(base.rpartition(".")[2]) if "." in base else None
    if known:
        return known
    shebang = _SHEBANG.match(text[:200])
    return _INTERPRETERS[shebang[1]] if shebang else ""
