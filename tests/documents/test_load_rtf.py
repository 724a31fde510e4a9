from contextlib import suppress

import pytest

from knowledge.documents.loaders.office import rtf as loader
from knowledge.documents.loaders.office.rtf import rewrite
from knowledge.documents.splitting.splitting import split
from knowledge.errors import DocumentError
from knowledge.model import SplitterSpec, TextKind
from tests.documents.makers import load_one

HEAD = (
    r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fcharset0 Times;}{\f1\fcharset204 Arial;}"
    r"{\f2\fcharset128 Gothic;}}{\info{\title A letter}{\author Ann}}"
)


def rtf(body):
    return (HEAD + body + "}").encode("latin-1")


def test_structure_becomes_markdown():
    document = load_one(
        rtf(
            r"\pard\outlinelevel0 Chapter\par\pard\plain Words of the chapter.\par"
            r"\trowd\cellx1000\cellx2000\pard\intbl name\cell size\cell\row"
            r"\trowd\cellx1000\cellx2000\pard\intbl bolt\cell M8\cell\row\pard The end.\par"
        ),
        "a.rtf",
    )
    assert document.kind is TextKind.MARKDOWN
    assert "# Chapter\n" in document.text
    assert "| name | size |\n| --- | --- |\n| bolt | M8 |" in document.text
    assert document.metadata == {"title": "A letter", "author": "Ann"}
    assert split(document, SplitterSpec())[0].heading == ("Chapter",)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (r"caf\'e9 \'93so\'94", "café “so”"),
        (r"{\f1 \'cf\'f0\'e8\'e2\'e5\'f2}", "Привет"),
        (r"{\f2 \'93\'fa\'96\'7b} jap", "日本 jap"),
        ("{\\f2 \\'93\n\\'fa}", "日"),
        (r"\u9731\'3f snow \u-4051?end", "☃ snow end"),
        (r"{\uc2 \u8364\'80\'80 5}", "€ 5"),
        (r"{\uc0\u8364 5}", "€5"),
        (r"\u-10179?\u-8704?", "😀"),
        ("caf\xe9", "café"),
        (r"a\{b\}\\c", r"a{b}\c"),
        ("one\\par\ntwo", "one\n\ntwo"),
        (r"one\tab two\emdash three", "one two—three"),
    ],
)
def test_letters(body, text):
    found = load_one(rtf(r"\pard " + body + r"\par"), "a.rtf").text
    assert found.strip() == text or found.strip().replace("\\\\", "\\") == text


FONTS = r"{\fonttbl{\f7\fcharset2 Symbol;}{\f8\fnil\fcharset2 Wingdings;}}"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (r"10{\super 6} cells, m\super 2\nosupersub, CO{\sub 2}", "10^6 cells, m², CO₂"),
        (r"10\up6 6\up0  cells", "10^6 cells"),
        (r"10{\super \u8722?}{\super 3}", "10^−3"),
        (r"was {\strike 4500}7300", "was ~~4500~~ 7300"),
        (r"was \striked1 old\striked0  new {\strike0 kept}", "was ~~old~~ new kept"),
        (r"kept{\deleted  gone}.", "kept."),
        (r"5 {\f7 m}m \f7\'b1\f0 5 {\f7\u-3917?} 3", "5 µm ±5 ≥ 3"),
        (r"{\f8\'fe} yes {\f8 \u-3928?} no", "☑ yes ☐ no"),
        (
            r"10 {\field{\*\fldinst {\fs24 SYMBOL 109 \\f Symbol}}{\fldrslt{\f7\fs24}}}g",
            "10 µg",
        ),
        (r"10 {\field{\*\fldinst SYMBOL 109 \\f Symbol}{\fldrslt\f7 m}}g", "10 µ g"),
        (r"w{\b or}d, {\cf1 w}o{\i r}d{\fs20 s}.", "word, words."),
        (r"a{\b b\par c}d", "ab\n\ncd"),
    ],
)
def test_marks_symbols_and_runs(body, text):
    assert load_one(rtf(FONTS + r"\pard " + body + r"\par"), "a.rtf").text.strip() == text


def test_marks_of_a_note_are_its_own():
    body = r"\pard One{\footnote\pard 5 m{\super 2}} end {\strike old\par}"
    text = load_one(rtf(body), "a.rtf").text
    assert "5 m²" in text
    assert "~~old~~" in text


def test_notes_comments_and_boxes_are_kept_and_codes_are_not():
    text = load_one(
        rtf(
            r"{\header Company paper\par}\pard Words{\footnote\pard A note.} go on"
            r"{\*\atnid B}{\*\atnauthor Bob}{\*\annotation\pard A remark.}.\par"
            r"{\shp{\*\shpinst{\sp{\sn shapeType}{\sv 202}}{\shptxt\pard In a box.\par}}"
            r"{\shprslt Doubled.\par}}"
            r"{\field{\*\fldinst HYPERLINK mailto:x}{\fldrslt the link}}\par"
            r"{\pict\pngblip 89504e47}{\*\generator Writer 1.0;}{\object{\*\objdata 0105}}"
        ),
        "a.rtf",
    ).text
    for part in ("Company paper", "A note.", "A remark.", "In a box.", "the link"):
        assert part in text
    for code in ("shapeType", "202", "Doubled", "Writer", "89504e47", "0105", "image"):
        assert code not in text


def test_pictures_in_binary_do_not_disturb():
    data = rtf(r"one {\pict\bin6 }{\}{x}two").replace(b"}{\\}{x", b"}{}}}{x}"[:7])
    assert b"two" in rewrite(data)


def test_the_second_engine_is_named(monkeypatch):
    def fail(data, media_type):
        raise DocumentError("no luck")

    monkeypatch.setattr(loader, "extract", fail)
    document = load_one(rtf(r"\pard Plain words.\par"), "a.rtf")
    assert document.text.strip() == "Plain words."
    assert document.loader == "striprtf"
    assert "no luck" in document.warnings[0]


def test_rtf_under_another_name_is_rtf():
    for name in ("a.doc", "a.txt", "letter"):
        assert load_one(rtf(r"\pard Words.\par"), name).text.strip() == "Words."


def test_a_text_that_calls_itself_rtf_is_text():
    assert load_one(b"plain words", "a.rtf").text == "plain words"


def test_what_is_no_rtf():
    with pytest.raises(DocumentError, match="not an RTF document"):
        load_one(bytes(range(256)) * 4, "a.rtf")


@pytest.mark.parametrize("cut", [30, 200, 300])
def test_cut_off_files_end_in_text_or_an_error(cut):
    data = rtf(r"\pard Some words in it.\par{\f1 \'cf\'f0\'e8")[:cut]
    with suppress(DocumentError):
        assert "\\" not in load_one(data, "a.rtf").text


def test_no_mark_of_a_row_is_left():
    text = load_one(
        rtf(
            r"Words{\footnote A note.}\trowd\cellx1000\cellx2000 One\cell Two\cell\row\pard "
            r"{\*\annotation A remark.}\par More\par"
        ),
        "a.rtf",
    ).text
    assert "| One | Two |" in text
    assert "TABLE_ROW" not in text
