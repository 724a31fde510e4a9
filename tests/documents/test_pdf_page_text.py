"""What the places of letters on a page of a PDF tell."""

import pytest

from knowledge.documents.loaders.pdf.hyphens import join_words
from tests.documents.makers import load_one, pdf


def text_of(*pages, **options):
    return load_one(pdf(*pages, **options), "a.pdf").text


def line(*pieces):
    """A page of one line; a piece of text, or of (text, rise), which is drawn smaller."""
    drawn = [
        f"0 Ts /F1 12 Tf ({piece}) Tj"
        if isinstance(piece, str)
        else f"{piece[1]} Ts /F1 7 Tf ({piece[0]}) Tj"
        for piece in pieces
    ]
    return f"BT 72 700 Td {' '.join(drawn)} ET".encode()


def test_raised_numbers_are_powers_and_marks_of_notes():
    page = line("There are 10", ("6", 5), " cells per ml, area 5 m", ("2", 5), ", see the note",
                ("12", 5), " below.")  # fmt: skip
    assert text_of(page) == "There are 10^6 cells per ml, area 5 m², see the note¹² below."


def test_lowered_numbers_are_indices():
    page = line("CO", ("2", -3), " and H", ("2", -3), "O dissolve.")
    assert text_of(page) == "CO₂ and H₂O dissolve."


def test_sizes_that_stand_in_the_matrix_alone_count():
    page = (
        b"BT /F1 1 Tf 12 0 0 12 72 700 Tm (area 5 m) Tj ET "
        b"BT /F1 1 Tf 7 0 0 7 119.4 705 Tm (2) Tj ET "
        b"BT /F1 1 Tf 12 0 0 12 123.3 700 Tm ( of it) Tj ET"
    )
    assert text_of(page) == "area 5 m² of it"


@pytest.mark.parametrize(
    "page",
    [
        [(72, 700, "O", 30), (96, 700, "nce upon a time")],
        [(72, 700, "T"), (79.3, 700, "HE SMALL CAPITALS", 9)],
        [(72, 700, "Large"), (72, 685, "small line below", 7)],
    ],
    ids=["an initial", "small capitals", "a smaller line"],
)
def test_small_text_that_is_not_raised_stays_plain(page):
    text = text_of(page)
    assert "".join(text.split()) == "".join("".join(piece[2] for piece in page).split())
    assert not {"^", "_"} & set(text)


def test_letterspaced_headings_are_words():
    spaced = b"BT /F1 14 Tf 3 Tc 8 Tw 72 750 Td (SAFETY INSTRUCTIONS) Tj ET "
    wide = b"BT /F1 14 Tf 9 Tc 9 Tw 72 720 Td (CHAPTER ONE) Tj ET "
    plain = b"BT /F1 12 Tf 0 Tc 0 Tw 72 690 Td (Normal words here.) Tj ET"
    assert text_of(spaced + wide + plain) == (
        "SAFETY INSTRUCTIONS\nCHAPTER ONE\nNormal words here."
    )


def test_typed_spaces_between_letters_go_too():
    assert text_of("W A R N I N G   L A B E L\nof a machine") == "WARNING LABEL\nof a machine"


def test_letters_that_name_columns_stay_apart():
    heads = [(72 + 60 * n, 700, letter) for n, letter in enumerate("QTRSVW")]
    assert text_of(heads).split() == list("QTRSVW")
    assert text_of("A B C D E F") == "A B C D E F"


@pytest.mark.parametrize("matrix", ["0 1 -1 0", "0 -1 1 0", "-1 0 0 -1"], ids=[90, 270, 180])
def test_turned_lines_stay_lines(matrix):
    rows = [f"Turned row {n} value {7 * n}" for n in range(12)]
    upright = matrix[0] == "-"
    places = [(400, 300 + 16 * n) if upright else (300 + 16 * n, 400) for n in range(12)]
    drawn = (
        f"BT /F1 12 Tf {matrix} {x} {y} Tm ({row}) Tj ET"
        for (x, y), row in zip(places, rows, strict=True)
    )
    assert sorted(text_of(" ".join(drawn).encode()).split("\n")) == sorted(rows)


def test_a_turned_label_costs_no_line_beside_it():
    page = (
        b"BT /F1 12 Tf 72 700 Td (Upright text first) Tj ET "
        b"BT /F1 12 Tf 0 1 -1 0 30 300 Tm (arXiv:2501.01234v2 label) Tj ET "
        b"BT /F1 12 Tf 72 680 Td (Upright text second) Tj ET"
    )
    assert text_of(page) == "Upright text first\narXiv:2501.01234v2 label\nUpright text second"


HEBREW = "תקופת ההודעה המוקדמת היא 14 ימים לפי סעיף 7 של חוזה."
ARABIC = "العقد ينتهي بعد 30 يوما من الإشعار."


TURNED = {"(": ")", ")": "("}


def _runs_right(glyphs, index):
    """Tell whether a sign runs from left to right: digits, Latin words, and spaces between them."""
    around = [*glyphs[max(index - 1, 0) : index], *glyphs[index + 1 : index + 2]]
    if glyphs[index] in (" ", ".") and len(around) == 2:
        return all(one.isascii() and one.isalnum() for one in around)
    return glyphs[index].isascii() and glyphs[index].isalnum()


def drawn_from_the_right(text, ligatures=()):
    """A page that draws text as it looks, from left to right, and its letters by code."""
    glyphs = []
    while text:
        size = 2 if text[:2] in ligatures else 1
        glyphs.append(text[:size])
        text = text[size:]
    digits = [index for index in range(len(glyphs)) if _runs_right(glyphs, index)]
    shown = [TURNED.get(glyph, glyph) for glyph in glyphs[::-1]]
    for start in (i for i in digits if i - 1 not in digits):  # numbers run from left to right
        end = start
        while end + 1 in digits:
            end += 1
        last = len(glyphs) - 1
        shown[last - end : last - start + 1] = glyphs[start : end + 1]
    codes = {glyph: 0x41 + n for n, glyph in enumerate(dict.fromkeys(shown))}
    hexes = "".join(f"{codes[glyph]:02X}" for glyph in shown)
    page = f"BT /F1 12 Tf 72 700 Td <{hexes}> Tj ET".encode()
    return pdf(page, letters={code: glyph for glyph, code in codes.items()})


@pytest.mark.parametrize("text", [HEBREW, ARABIC], ids=["hebrew", "arabic"])
def test_right_to_left_lines_are_in_the_order_that_is_read(text):
    assert load_one(drawn_from_the_right(text), "a.pdf").text == text


@pytest.mark.parametrize(
    "text",
    [
        "זהו קוד Open Source License 2.0 חופשי (כולל מעמ) לכל אדם.",
        "المشروع يستخدم Apache License في كل الملفات",
    ],
)
def test_other_words_and_brackets_in_right_to_left_lines(text):
    assert load_one(drawn_from_the_right(text), "a.pdf").text == text


def test_raised_text_of_the_size_of_the_line():
    page = [
        *((72, 700, "Area 25 m", 11), (122, 705.4, "2", 10.7), (128.5, 700, ", 10", 11)),
        *((147, 705.4, "9", 10.7), (153.5, 700, " grains and x", 11)),
        *((217.5, 697, "i", 8), (219.6, 704, "2", 8), (224.5, 700, " of them", 11)),
    ]
    assert load_one(pdf(page), "a.pdf").text == "Area 25 m², 10^9 grains and x_i² of them"


def test_a_column_of_characters_is_a_line():
    signs = "縦書きの文章"
    page = [(72, 700 - 16 * n, chr(0x41 + n)) for n in range(len(signs))]
    letters = {0x41 + n: sign for n, sign in enumerate(signs)}
    assert load_one(pdf(page, letters=letters), "a.pdf").text == signs


def test_arabic_ligatures_keep_the_order_of_their_letters():
    text = "السلام بعد الإشعار الأول"
    data = drawn_from_the_right(text, ligatures=("لا", "لإ", "لأ"))
    assert load_one(data, "a.pdf").text == text


@pytest.mark.parametrize(
    ("before", "after", "whole"),
    [
        ("COVID", "19 spread", "COVID-19 spread"),
        ("ISO", "9001", "ISO-9001"),
        ("XR", "2000B", "XR-2000B"),
        ("X", "ray", "X-ray"),
        ("T", "shirts", "T-shirts"),
        ("Smith", "Jones", "Smith-Jones"),
        ("DNA", "based", "DNA-based"),
        ("long", "term", "long-term"),
        ("state-of-the", "art", "state-of-the-art"),
        ("pre", "and postwar", "pre- and postwar"),
        ("infor", "mation", "information"),
        ("inter", "national", "international"),
        ("under", "stand", "understand"),
        ("Daten", "schutz", "Datenschutz"),
        ("INTRO", "DUCTION", "INTRODUCTION"),
    ],
)
@pytest.mark.parametrize("mark", ["\x02", "\ufffe\n", "\xad\n", "-\n"])
def test_a_word_keeps_its_own_hyphen_and_loses_that_of_the_line(before, after, whole, mark):
    assert join_words([f"The {before}{mark}{after}"]) == [f"The {whole}"]


def test_the_other_words_of_a_document_tell():
    known = "A trade-off, and a datastore of stock items. To trade is to be off."
    assert join_words([known, "the trade\x02off of a data\x02store"]) == [
        known,
        "the trade-off of a datastore",
    ]
    assert join_words(["a red box, blue ink. red\x02blue"])[0].endswith("red-blue")


def test_dashes_and_lists_stay():
    text = "Price -\n5 EUR\n- first\n- second"
    assert join_words([text]) == [text]


@pytest.mark.parametrize("engine", ["pdfium", "pypdf"])
def test_hyphens_in_a_file(engine):
    lines = "The rules of COVID-\n19 and the infor-\nmation of X-\nray units."
    text = load_one(pdf(lines), "a.pdf", engines={"pdf": engine}).text
    assert text == "The rules of COVID-19 and the information of X-ray units."
