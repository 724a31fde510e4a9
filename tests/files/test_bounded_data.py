"""YAML and JSON of files, read within bounds."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.files.bounded_data import MAX_DEPTH, DataError, parse_json, parse_yaml, read_text
from knowledge.text.wording import brief

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text("abc: -#&*", max_size=8),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text("ab", max_size=3), below),
    max_leaves=12,
)


@given(PLAIN)
@settings(max_examples=60, deadline=None)
def test_what_is_within_the_bounds_is_read_as_ever(value):
    assert parse_json(json.dumps(value)) == value
    assert parse_yaml(yaml.safe_dump(value)) == value


def test_aliases_and_merges_are_read():
    text = "a: &a {x: 1}\nb: [*a, *a]\nc: {<<: *a, y: 2}\n"
    assert parse_yaml(text) == yaml.safe_load(text)
    assert parse_yaml("") is None


@pytest.mark.parametrize("parse", [parse_json, parse_yaml])
def test_the_depth(parse):
    assert parse("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    for levels in (MAX_DEPTH + 1, 900, 200_000):
        with pytest.raises(DataError, match="nested more than 100 levels deep"):
            parse("[" * levels + "]" * levels)


def test_the_depth_that_aliases_make():
    chain = "- &a0 [x]\n" + "".join(f"- &a{n} [*a{n - 1}]\n" for n in range(1, 150))
    with pytest.raises(DataError, match="nested more than 100 levels deep"):
        parse_yaml(chain)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: [1\n", 3),
        ("a: 1\nb: &b [*b]\n", 2),
        ("a: !!python/object/apply:os.system [x]\n", 1),
        ("a: " + "1:" * 1_000 + "1\n", 1),
        ("a: \x01\n", None),
        ("a: 2024-13-45\n", None),
        ("? [a]\n: 1\n", 1),
    ],
)
def test_what_is_wrong_with_yaml(text, line):
    with pytest.raises(DataError) as caught:
        parse_yaml(text)
    assert caught.value.line == line
    assert len(str(caught.value)) <= 300


def test_what_is_wrong_with_json():
    with pytest.raises(DataError) as caught:
        parse_json('{"a":\n 1,}')
    assert (caught.value.line, caught.value.column) == (2, 4)
    with pytest.raises(DataError):
        parse_json("9" * 5_000)


def test_a_file_has_its_bytes(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + b"x" * (1 << 20))
    with pytest.raises(DataError, match="larger than 1 MiB"):
        read_text(path, 1 << 20)
    assert read_text(path, 2 << 20) == "x" * (1 << 20)


@pytest.mark.parametrize("value", ["x" * 10**6, ["y" * 500] * 5_000, {"k": "z" * 10**6}, 10**4_000])
def test_a_long_value_is_told_in_few_words(value):
    assert len(brief(value)) <= 200
