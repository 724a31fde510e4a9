import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.text.marks import Script, Span, struck, subscript, superscript, written

SUPER, SUB = Script.SUPER, Script.SUB


@pytest.mark.parametrize(
    ("before", "raised", "shown"),
    [
        ("10", "6", "^6"),
        ("10", "−3", "^−3"),
        ("m", "2", "²"),
        ("s", "-1", "⁻¹"),
        ("Ca2", "+", "⁺"),
        ("SO₄", "2−", "²⁻"),
        ("word", "1,2", "¹,²"),
        ("word", "3–5", "³–⁵"),
        ("e", "x", "^x"),
        ("e", "2x", "^2x"),
        ("10", "(n + 1)", "^(n + 1)"),
        ("10", "n + 1", "^(n + 1)"),
        ("5", "th", "th"),
        ("1", "er", "er"),
        ("M", "me", "me"),
        ("Brand", "TM", "™"),
        ("Brand", "®", "®"),
        ("", "14", "¹⁴"),
        ("", "Remark", "Remark"),
        ("word", "[3]", "[3]"),
        ("10", " 6 ", " ⁶ "),
        ("word", "", ""),
    ],
)
def test_raised_text_never_becomes_part_of_the_number_or_word_before_it(before, raised, shown):
    assert superscript(raised, before) == shown


@pytest.mark.parametrize(
    ("before", "lowered", "shown"),
    [
        ("CO", "2", "₂"),
        ("101", "2", "_2"),
        ("T", "max", "_max"),
        ("x", "i", "_i"),
        ("x", "i, j", "_(i, j)"),
        ("", "small print", "small print"),
    ],
)
def test_lowered_text(before, lowered, shown):
    assert subscript(lowered, before) == shown


def test_a_long_raised_text_is_a_layout():
    assert superscript("w" * 80, "word") == " " + "w" * 80


@pytest.mark.parametrize(
    ("text", "before", "after", "shown"),
    [
        ("4500", "is ", "7300", "~~4500~~ "),
        ("4500", "7300", "", " ~~4500~~"),
        (" two words ", "a", "b", " ~~two words~~ "),
        ("u", "colo", "r", "~~u~~"),
        ("one\ntwo", "", "", "~~one~~\n~~two~~"),
        (" ", "a", "b", " "),
        ("old", "(", ")", "~~old~~"),
    ],
)
def test_struck_text_is_fenced_and_apart(text, before, after, shown):
    assert struck(text, before, after) == shown


def test_runs_of_the_same_marks_are_one():
    spans = [Span("10"), Span("−", SUPER), Span("6", SUPER), Span(" m"), Span("2", SUPER)]
    assert written(spans) == "10^−6 m²"


def test_marks_meet():
    spans = [
        Span("limit "),
        Span("10", struck=True),
        Span("3", SUPER, struck=True),
        Span(" "),
        Span("m", struck=True),
        Span("50 CO"),
        Span("2", SUB),
    ]
    assert written(spans) == "limit ~~10^3 m~~ 50 CO₂"


@given(
    st.lists(
        st.builds(
            Span, st.text("ab1 2\n-,()[]", max_size=6), st.sampled_from(Script), st.booleans()
        ),
        max_size=6,
    )
)
def test_marks_add_signs_and_lose_none(spans):
    plain = "".join(span.text for span in spans)
    back = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻₀₁₂₃₄₅₆₇₈₉₋", "0123456789-0123456789-", "^_~ ")
    extra = written(spans).translate(back).replace("(", "").replace(")", "")
    assert extra == plain.replace(" ", "").replace("(", "").replace(")", "")
