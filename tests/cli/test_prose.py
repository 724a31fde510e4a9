"""Prose that is wrapped in its file is joined where it is too wide, and nothing else is."""

from __future__ import annotations

import textwrap

import pytest

from knowledge.cli.render.prose import unwrapped

WORDS = "the reception hands out a badge and a locker, and notes both in the book of keys; " * 4
PARAGRAPH = textwrap.fill(WORDS, 90)
JOINED = " ".join(WORDS.split())


@pytest.mark.parametrize("width", [20, 60, 80])
def test_a_wide_paragraph_becomes_one_line(width):
    assert unwrapped(f"# Badges\n\n{PARAGRAPH}\n\nEnd.", width) == f"# Badges\n\n{JOINED}\n\nEnd."


def test_what_fits_stays_as_it_is():
    assert unwrapped(PARAGRAPH, 90) == PARAGRAPH


def test_items_stay_items():
    item = textwrap.fill(WORDS, 80, initial_indent="- ", subsequent_indent="  ")
    deep = textwrap.fill(WORDS, 80, initial_indent="    1. ", subsequent_indent="       ")
    assert unwrapped(f"{item}\n{item}\n{deep}", 60) == f"- {JOINED}\n- {JOINED}\n    1. {JOINED}"


@pytest.mark.parametrize(
    "text",
    [
        f"```\n{PARAGRAPH}\n```",
        textwrap.indent(PARAGRAPH, "    "),
        textwrap.indent(PARAGRAPH, "> "),
        textwrap.indent(PARAGRAPH, "# "),
        "\n".join(f"| cell {n} of a wide table | {'and more ' * 9}|" for n in range(4)),
        "\n".join(f"name {n}     {'value ' * 14}" for n in range(4)),
        "\n".join(f"2024-05-0{n} 12:00:00 ERROR {'something broke ' * 5}" for n in range(4)),
        "\n".join(f"Sentence {n} stands on a line of its {'very ' * 12}own." for n in range(4)),
        "\n".join(",".join(f"value{n}{m}" for m in range(12)) for n in range(4)),
        "\n".join(f'{{"id": {n}, "text": "{"word " * 14}"}}' for n in range(4)),
    ],
    ids=[
        "fence",
        "indented",
        "quote",
        "comment",
        "table",
        "columns",
        "log",
        "lines",
        "csv",
        "json",
    ],
)
def test_what_is_no_paragraph_stays_as_it_is(text):
    assert unwrapped(text, 60) == text


def test_a_line_that_was_not_filled_ends_on_purpose():
    assert unwrapped(f"a title of its own\n{PARAGRAPH}", 60) == f"a title of its own\n{JOINED}"


def test_ideographs_are_joined_without_a_space():
    lines = ["签名密钥每九十天更换一次由值班人员负责并记录在登记簿中" * 2] * 3
    assert unwrapped("\n".join(lines), 60) == "".join(lines)


def test_a_divided_word_is_put_together():
    wide = "x" * 3 + " word" * 15
    assert "well-kept" in unwrapped(f"{wide} well-\nkept{wide}\nand more", 60)


@pytest.mark.parametrize("text", ["", "\n\n", "one", "- ", "```", "\t\n \n"])
def test_odd_texts_stay(text):
    assert unwrapped(text, 20) == text
