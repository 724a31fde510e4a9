import pytest

from knowledge.documents.splitting.splitting import split
from knowledge.model import SplitterSpec, TextKind
from tests.documents.makers import load_one

WORDS = "The pump is switched off before the lid is opened. " * 4

RST = f"""\
=======
Manual
=======

:Author: Ann Lee
:Date: 2024-03-01

Safety
======

{WORDS}

Pumps
-----

{WORDS}
"""

ASCIIDOC = f"""\
= The *Manual*
Ann Lee <ann@example.org>
v1.2, 2024-03-01
:lang: en

{WORDS}

== Safety

----
== no heading
----

{WORDS}

=== Pumps

{WORDS}

Tools
-----

{WORDS}
"""

ORG = f"""\
#+TITLE: Manual
#+AUTHOR: Ann Lee
#+DATE: 2024-03-01

* TODO [#A] Safety                :urgent:home:

{WORDS}

#+BEGIN_SRC org
* no headline
#+END_SRC

** Pumps and [[https://example.org][lids]]

{WORDS}
"""

LATEX = rf"""\documentclass{{article}}
\title{{The \emph{{Manual}}\thanks{{to all}}}}
\author{{Ann Lee}}
\date{{March 2024}}
\begin{{document}}
\maketitle
% \section{{Not this one}}
\section{{Safety \& health}}\label{{safe}}

{WORDS}

\begin{{verbatim}}
\section{{no section}}
\end{{verbatim}}

\subsection*{{Pumps {{and}} lids}}

{WORDS}
\end{{document}}
"""


def paths(name, text):
    document = load_one(text.encode(), name)
    assert document.text == text
    assert document.has_lines
    found = split(document, SplitterSpec(60, 0))
    for passage in found:
        line = text.count("\n", 0, passage.char_start) + 1
        assert passage.cite(name).startswith(f"{name}:{line}")
    return document, {passage.heading for passage in found if "pump is" in passage.text}


def test_rst():
    document, found = paths("a.rst", RST)
    assert document.kind is TextKind.RST
    assert dict(document.metadata) == {
        "title": "Manual",
        "author": "Ann Lee",
        "created": "2024-03-01",
    }
    assert found == {("Manual", "Safety"), ("Manual", "Safety", "Pumps")}


def test_asciidoc():
    document, found = paths("a.adoc", ASCIIDOC)
    assert document.kind is TextKind.ASCIIDOC
    assert dict(document.metadata) == {
        "title": "The Manual",
        "author": "Ann Lee",
        "created": "2024-03-01",
        "language": "en",
    }
    assert found == {
        ("The Manual",),
        ("The Manual", "Safety"),
        ("The Manual", "Safety", "Pumps"),
        ("The Manual", "Tools"),
    }


def test_org():
    document, found = paths("a.org", ORG)
    assert document.kind is TextKind.ORG
    assert dict(document.metadata) == {
        "title": "Manual",
        "author": "Ann Lee",
        "created": "2024-03-01",
    }
    assert found == {("Safety",), ("Safety", "Pumps and lids")}


def test_latex():
    document, found = paths("a.tex", LATEX)
    assert document.kind is TextKind.LATEX
    assert dict(document.metadata) == {
        "title": "The Manual",
        "author": "Ann Lee",
        "created": "March 2024",
    }
    assert found == {("Safety & health",), ("Safety & health", "Pumps and lids")}


@pytest.mark.parametrize("name", ["a.rst", "a.adoc", "a.org", "a.tex"])
def test_text_without_headings(name):
    document, found = paths(name, WORDS)
    assert (dict(document.metadata), found) == ({}, {()})


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["a.rst", "a.adoc", "a.org", "a.tex"])
def test_hostile_markup_ends(name):
    for bit in (
        "= a\n",
        "* a\n",
        "\\section{",
        "----\n",
        "a\n----\n",
        "#+begin_src\n",
        ":a:\n",
        "//\n",
    ):
        split(load_one(bit.encode() * 3_000, name), SplitterSpec())
