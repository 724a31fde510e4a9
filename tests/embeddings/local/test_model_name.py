from __future__ import annotations

import pytest

from knowledge.embeddings.model_name import is_path, local_or_hub, parse_model_name
from knowledge.errors import UsageError


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("BAAI/bge-m3", ("BAAI/bge-m3", {})),
        ("/a/b?c/model", ("/a/b?c/model", {})),
        (
            "pkg.Class?size=8&ratio=0.5&on=true",
            ("pkg.Class", {"size": 8, "ratio": 0.5, "on": True}),
        ),
        ("C?name=a:b/c&empty=", ("C", {"name": "a:b/c", "empty": ""})),
        ('C?number="8"&none=null', ("C", {"number": "8", "none": None})),
        ('C?deep={"a":[1,"x=y"]}', ("C", {"deep": {"a": [1, "x=y"]}})),
        ("C?text=a%26b%3Dc+d", ("C", {"text": "a&b=c+d"})),
        ("C?text=NaN", ("C", {"text": "NaN"})),
    ],
)
def test_arguments_follow_a_question_mark(text, parsed):
    assert parse_model_name(text) == parsed


@pytest.mark.parametrize("text", ["C?a=1&", "C?a=1&b", "C?a=1&a=2", "C?a=1&b-c=2"])
def test_what_is_no_argument_is_named(text):
    with pytest.raises(UsageError, match="can't read the argument"):
        parse_model_name(text)


@pytest.mark.parametrize("name", ["/a", "./a", "../a", "~/a", ".", "C:\\a", "c:/a"])
def test_a_path_shows_itself(name):
    assert is_path(name)


@pytest.mark.parametrize("name", ["BAAI/bge-m3", "all-MiniLM-L6-v2", ".hidden", "C:a"])
def test_a_name_on_a_hub_is_no_path(name):
    assert not is_path(name)


def test_a_folder_that_looks_like_a_hubs_name_is_not_taken_for_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert local_or_hub("org/model", "model2vec") is None
    (tmp_path / "org" / "model").mkdir(parents=True)
    with pytest.raises(UsageError, match="a folder here too") as caught:
        local_or_hub("org/model", "model2vec")
    assert "model2vec:./org/model" in caught.value.hint
    assert local_or_hub("./org/model", "model2vec") == tmp_path / "org" / "model"


def test_a_home_is_expanded(tmp_path, monkeypatch):
    (tmp_path / "home" / "model").mkdir()
    assert local_or_hub("~/model", "onnx") == tmp_path / "home" / "model"
    with pytest.raises(UsageError, match="can't expand"):
        local_or_hub("~nobody-of-this-name/model", "onnx")
