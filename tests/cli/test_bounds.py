"""What is too long, too deep, too many or too large is told in a sentence."""

from __future__ import annotations

import io
import os
import re
import zipfile

import pytest
import yaml

from knowledge.cli.lazy import LazyCommand
from knowledge.cli.table import COMMANDS
from knowledge.settings.table import TABLE
from tests.conftest import write_files

pytestmark = pytest.mark.timeout(300)

NINES = "\n".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10))
BOMB = f"a0: &a0 [x, x, x, x, x, x, x, x, x]\n{NINES}\n"
DEEP = "top_k: " + "[" * 5_000 + "]" * 5_000 + "\n"
CHAIN = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 300))
LONG = "x" * 200_000
HOSTILE = {
    "bomb": BOMB,
    "deep": DEEP,
    "chain": CHAIN,
    "itself": "top_k: &a [*a]\n",
    "number": "top_k: " + "1:" * 50_000 + "1\n",
    "digits": "top_k: " + "9" * 5_000 + "\n",
    "date": "top_k: 2024-13-45\n",
    "long value": f"top_k: {LONG}\n",
    "long list": f"top_k: [{', '.join(['1'] * 5_000)}]\n",
    "long tag": f"top_k: !{LONG} 1\n",
    "large": "# " + "x" * 1_100_000 + "\n",
    "control": "top_k: \x01\n",
}


def refused(outcome, name, code=2):
    assert outcome.code == code, outcome.err[:2_000]
    assert name in outcome.err
    assert len(outcome.err) < 1_500
    assert "Traceback" not in outcome.err
    assert "recursion" not in outcome.err


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_settings_file(run, tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "knowledge.yaml").write_text(content)
    refused(run("list-datasets"), "knowledge.yaml")


def test_a_hostile_profile(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for inside in (BOMB.replace("a0:", "embeddings:", 1), f"embeddings: {{providers: [{LONG}]}}"):
        (tmp_path / "knowledge.yaml").write_text(inside)
        refused(run("list-datasets"), "knowledge.yaml")


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_flows_file(run, tmp_path, content):
    (tmp_path / "flows.yaml").write_text(content)
    refused(run("retrieve", "key", "--flows-file", tmp_path / "flows.yaml"), "flows.yaml")


@pytest.mark.parametrize("content", [BOMB, DEEP, HOSTILE["date"]], ids=["bomb", "deep", "date"])
def test_a_hostile_table_of_prices(run, tmp_path, monkeypatch, content, corpus):
    from knowledge.embeddings.prices import read_prices
    from knowledge.errors import UsageError

    path = tmp_path / "prices.yaml"
    path.write_text(content)
    with pytest.raises(UsageError, match=r"prices\.yaml"):
        read_prices(path)


JSON = {
    "deep": '{"metadata": ' + "[" * 100_000,
    "closed": '{"metadata": ' + '{"a":' * 500 + "1" + "}" * 501,
    "digits": '{"metadata": {"a.md": {"n": ' + "9" * 5_000 + "}}}",
    "key": '{"metadata": {"' + LONG + '": 1}}',
    "pattern": '{"metadata": {"*' + LONG + '": {"n": 1}}}',
}


@pytest.mark.parametrize("content", JSON.values(), ids=JSON)
def test_a_hostile_folder_metadata_file(run, tmp_path, content):
    write_files(tmp_path / "docs", {"a.md": "A text.", "sub/b.md": "Another text."})
    (tmp_path / "docs/sub/.knowledge.json").write_text(content)
    refused(run("ingest", tmp_path / "docs"), ".knowledge.json", code=4)
    assert "a.md" in run("list-files").out


@pytest.mark.parametrize("line", [JSON["deep"], '{"query": ' + "9" * 5_000 + "}"])
def test_a_hostile_file_of_questions(run, library, tmp_path, line):
    (tmp_path / "questions.jsonl").write_text(line + "\n")
    refused(run("eval", "handbook", "--queries", tmp_path / "questions.jsonl"), "questions.jsonl:1")


def test_a_long_question_in_a_file_of_questions(run, library, tmp_path):
    (tmp_path / "q.jsonl").write_text(f'{{"query": "{"why " * 600_000}", "file": "a.md"}}\n')
    refused(run("eval", "handbook", "--queries", tmp_path / "q.jsonl"), "q.jsonl:1")


@pytest.mark.slow
def test_documents_that_are_nested_deep_cost_themselves(run, tmp_path):
    deep = "[" * 50_000
    book = '{"cells": [{"cell_type": "markdown", "source": ' + deep
    files = {
        "good.md": "A good text.",
        "bomb.md": f"---\n{BOMB}---\nText below a bomb.\n",
        "deep.md": f"---\n{DEEP}---\nText below a deep one.\n",
        "deep.ipynb": book,
        "deep.json": '{"documents": ' + deep + "]" * 50_000 + "}",
        "deep.jsonl": deep + "\n",
        "deep.yaml": DEEP,
        "deep.html": "<div>" * 20_000 + "inside" + "</div>" * 20_000,
        "deep.xml": "<a>" * 20_000 + "inside" + "</a>" * 20_000,
    }
    write_files(tmp_path / "docs", files)
    outcome = run("ingest", tmp_path / "docs")
    assert outcome.code == 4, outcome.err
    assert "deep.ipynb: it is not a notebook: it is nested more than 100 levels deep" in outcome.err
    assert "recursion" not in outcome.err.lower()
    listed = run("list-files").out
    for name in ("good.md", "bomb.md", "deep.md"):
        assert name in listed


LONG_QUESTION = "why " * 2_500_000


@pytest.mark.parametrize("command", ["retrieve", "ask", "askdir"])
def test_a_long_question_is_refused_at_once(run, library, tmp_path, command):
    more = ["-p", tmp_path] if command == "askdir" else []
    more += ["--chat-model", "m"] if command == "ask" else []
    outcome = run(command, "-", *more, stdin=LONG_QUESTION)
    refused(outcome, "2,000,000 characters")
    outcome = run(command, "-", *more, stdin=" " * 1_000_000)
    refused(outcome, "empty")


def test_a_long_question_in_python(library):
    from knowledge import KnowledgeBase
    from knowledge.errors import UsageError

    with KnowledgeBase.open(library) as kb, pytest.raises(UsageError, match="2,000,000"):
        kb.retrieve(LONG_QUESTION, "handbook")


NUMBERS = ["1" + "0" * 30, "1e23", "1e400", "nan", "inf", "-inf", "-2"]
NUMERIC = [
    s for s in TABLE if isinstance(s.default, int | float) and s.default not in (True, False)
]
NUMERIC += [s for s in TABLE if type(s.default) in (int, float) and s not in NUMERIC]


@pytest.mark.parametrize("setting", NUMERIC, ids=lambda setting: setting.name)
def test_every_number_has_a_range(setting):
    from knowledge.errors import UsageError
    from knowledge.settings.conversion import convert

    for text in NUMBERS:
        for raw in (text, *([float(text)] if text not in ("nan",) else [float("nan")])):
            with pytest.raises(UsageError, match=f"{setting.name} must be") as caught:
                convert(setting, raw, setting.name)
            assert len(caught.value.message) < 300
    for end in (setting.minimum, setting.maximum, setting.default):
        assert convert(setting, str(end), setting.name) == end


def test_numbers_in_the_environment_and_the_file(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "knowledge.yaml").write_text(yaml.safe_dump({"file_memory": 10**30}))
    refused(run("list-datasets"), "file_memory must be at most 16,777,216")
    (tmp_path / "knowledge.yaml").unlink()
    monkeypatch.setenv("KNOW_FILE_MEMORY", "1" + "0" * 30)
    refused(run("list-datasets"), "KNOW_FILE_MEMORY must be at most 16,777,216")


@pytest.mark.parametrize("number", [10**400, "1e23", "nan", float("inf"), -(10**30)])
@pytest.mark.parametrize("kind", ["Whole", "Number"])
def test_a_number_of_a_flow_has_a_range(number, kind):
    from pydantic import ValidationError, create_model

    from knowledge.flows import schema

    model = create_model("M", __base__=schema.FlowModel, size=(getattr(schema, kind), 7))
    model.what = "the test"
    with pytest.raises(ValidationError) as caught:
        model.model_validate({"size": number})
    (error,) = caught.value.errors()
    assert error["ctx"]["said"].startswith("size must be ")
    assert len(error["ctx"]["said"]) < 300


@pytest.mark.parametrize("where", ["(" * 5_000 + "a=1" + ")" * 5_000, "x" * 100_000, "a = '" * 900])
def test_a_condition_that_is_too_deep_or_none(run, library, where):
    refused(run("retrieve", "key", "-d", "handbook", "--where", where), "--where")


def numeric_options():
    for entry in COMMANDS:
        real = LazyCommand(entry).real
        for word, command in getattr(real, "commands", {"": real}).items():
            for option in command.params:
                if option.type_descriptor.annotation in (int, float):
                    yield (*filter(None, (entry.name, word)), option.opts[-1])


@pytest.mark.parametrize("words", list(numeric_options()), ids=" ".join)
def test_every_numeric_option_has_a_range(run, words):
    *command, option = words
    for number in ["1" + "0" * 30, "1e23", "1e400", "nan", "-" + "1" + "0" * 30]:
        outcome = run(*command, f"{option}={number}")
        refused(outcome, option)


@pytest.mark.parametrize(
    "arguments",
    [
        ("watch", ".", "--every", "9" * 400 + "d"),
        ("retrieve", "q", "--since", "9" * 400 + "d"),
        ("eval", "handbook", "--queries", "q.jsonl", "--k", "1" + "0" * 30),
        ("show", "3f2a9c1b", "--before", "-1"),
    ],
)
def test_other_numbers(run, library, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "q.jsonl").write_text('{"query": "why", "file": "a.md"}\n')
    refused(run(*arguments), arguments[-2])


@pytest.mark.slow
def test_many_problems_of_one_kind_are_one_line(run, tmp_path):
    members = io.BytesIO()
    with zipfile.ZipFile(members, "w") as archive:
        for number in range(300):
            archive.writestr(f"{number}.pdf", b"%PDF-1.4 broken")
    outer = io.BytesIO()
    with zipfile.ZipFile(outer, "w") as archive:
        archive.writestr("inner.zip", members.getvalue())
        archive.writestr("good.md", "A good text.")
    files = {f"e{number}.md": "" for number in range(300)} | {"good.md": "A text."}
    write_files(tmp_path / "docs", {**files, "outer.zip": outer.getvalue()})
    outcome = run("ingest", tmp_path / "docs")
    assert outcome.code in (0, 4), outcome.err
    problems = [line for line in outcome.err.splitlines() if re.match("failed|empty", line)]
    assert len(problems) == 2, outcome.err[:3_000]
    assert "300 members, such as inner.zip!/0.pdf" in outcome.err
    assert "empty: 300 files, such as " in outcome.err
    assert len(run("list-files", "--status", "empty", "--json").json["missed"]) == 300
    assert len(run("ingest", tmp_path / "docs", "--force", "--json").json["problems"]) == 600


@pytest.mark.slow
def test_links_are_followed_by_choice(run, tmp_path):
    write_files(
        tmp_path, {"docs/a.md": "Text a.", "out/b.md": "Text b.", "out/deep/c.md": "Text c."}
    )
    os.symlink(tmp_path / "out/b.md", tmp_path / "docs/file.md")
    os.symlink(tmp_path / "out/deep", tmp_path / "docs/folder")
    (tmp_path / "out/rules").write_text("a.md\n")
    os.symlink(tmp_path / "docs", tmp_path / "root")

    def taken(*flags, path="root"):
        assert run("ingest", tmp_path / path, "--force", "--prune", *flags).code == 0
        listed = run("list-files", "--json").json["files"]
        run("delete-dataset", "default", "--yes")
        return {os.path.relpath(file["file"], tmp_path / path) for file in listed}

    assert taken() == {"a.md", "file.md", "folder/c.md"}
    assert taken("--no-follow-links") == {"a.md"}  # the path that is named may be one
    assert taken("--follow-links", path="docs") == {"a.md", "file.md", "folder/c.md"}
    os.symlink(tmp_path / "out/rules", tmp_path / "docs/.knowignore")
    assert taken() == {"file.md", "folder/c.md"}
    assert taken("--no-follow-links") == {"a.md"}


def test_askdir_and_the_environment_know_the_choice(run, tmp_path, monkeypatch):
    write_files(tmp_path, {"docs/a.md": "Nothing of it.", "out/b.md": "The parrot is purple."})
    os.symlink(tmp_path / "out", tmp_path / "docs/out")
    ask = ("askdir", "parrot", "-p", tmp_path / "docs", "--output", "files")
    assert "b.md" not in run(*ask, "--no-follow-links").out
    with monkeypatch.context() as patch:
        patch.setenv("KNOW_FOLLOW_LINKS", "false")
        assert "b.md" not in run(*ask).out
    assert "b.md" in run(*ask).out
