"""A retrieval step is one file: the pipeline and flows find it."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import pytest
import typer
from typer.testing import CliRunner

from knowledge import KnowledgeBase
from knowledge.cli.lazy import for_typer
from knowledge.cli.session import Session
from knowledge.errors import FlowsFileError, UsageError
from knowledge.requests import SearchRequest, option
from knowledge.retrieval.refine import pipeline, steps
from knowledge.settings.reading import Settings
from tests.conftest import write_files

BACKWARDS = '''
"""Showing the first hits backwards."""

from knowledge.retrieval.refine.step import Parameter, Step

STEP = Step(
    field="backwards",
    help="Turn the first hits around.",
    order=25,
    apply=lambda hits, most, context: [*reversed(hits[:most]), *hits[most:]],
    parameter=Parameter("most", int, "So many.", minimum=1, maximum=100),
)
'''


@pytest.fixture
def backwards(tmp_path, monkeypatch):
    """Put a step beside the others; it is gone after the test."""
    write_files(tmp_path / "steps", {"backwards.py": BACKWARDS})
    monkeypatch.setattr(steps, "__path__", [*steps.__path__, str(tmp_path / "steps")])
    pipeline.steps.cache_clear()
    yield
    pipeline.steps.cache_clear()
    sys.modules.pop(f"{steps.__name__}.backwards")


@dataclass(frozen=True, slots=True)
class Request(SearchRequest):
    backwards: int | None = option("So many.", minimum=1, maximum=100, refines=True)


@pytest.fixture
def ask(tmp_path):
    """Ask by a flow whose only step is a postprocessor; return the hits."""
    write_files(
        tmp_path / "docs", {f"{name}.md": f"The key {name} is rotated.\n" * 3 for name in "abc"}
    )

    def run(*postprocessors, **options):
        parts = f"{{postprocessors: [{', '.join(postprocessors)}]}}"
        text = f"flows: {{f: {{default: true, retrieval: {parts}}}}}"
        write_files(tmp_path, {"f.yaml": text})
        settings = Settings.read(
            environ={},
            folder=tmp_path,
            data_dir=str(tmp_path / "data"),
            flows_file=str(tmp_path / "f.yaml"),
        )
        with KnowledgeBase(settings) as kb:
            kb.ingest(tmp_path / "docs")
            return kb.retrieve("which key is rotated", fold=False, **options)

    return run


def test_the_order_of_the_steps():
    assert [step.field for step in pipeline.steps()] == [
        "fold",
        "rerank",
        "mmr",
        "max_per_file",
        "merge",
        "context",
        "max_tokens",
    ]


def test_a_step_in_the_pipeline(backwards, ask):
    hits = ask()
    assert "backwards" in [step.field for step in pipeline.steps()]
    request = Request(fold=False, backwards=2)
    turned = pipeline.refine("key", hits, request, 3, stored=None)
    assert [hit.name for hit in turned] == [hits[at].name for at in (1, 0, 2)]
    assert [hit.rank for hit in turned] == [1, 2, 3]
    assert pipeline.reorders(request)
    assert not pipeline.reorders(Request(fold=False))
    with pytest.raises(UsageError, match="`backwards` must be from 1 to 100, not 0"):
        Request(backwards=0).check()


def test_a_step_from_the_command_line(backwards, ask):
    asked = []

    def find(session: Session, *, request: Request) -> None:
        """Find."""
        asked.append(request)

    app = typer.Typer()
    app.command()(for_typer(find))
    words = ["which key is rotated", "--no-fold", "--backwards", "3"]
    assert CliRunner().invoke(app, words).exit_code == 0
    hits = ask()
    turned = pipeline.refine("key", hits, asked[0], 3, stored=None)
    assert [hit.name for hit in turned] == [hit.name for hit in hits][::-1]


def test_a_step_in_a_flow(backwards, ask):
    names = [hit.name for hit in ask()]
    turned = ask("{name: backwards, options: {most: 3}}")
    assert [hit.name for hit in turned] == names[::-1]
    with pytest.raises(FlowsFileError, match="most must be at least 1, not 0"):
        ask("{name: backwards, options: {most: 0}}")
    with pytest.raises(FlowsFileError, match="postprocessor 'backwards' needs the option 'most'"):
        ask("backwards")


def test_without_its_file_there_is_no_such_step(ask):
    with pytest.raises(FlowsFileError, match="there is no postprocessor 'backwards'"):
        ask("backwards")


def test_the_steps_that_there_are_in_flows(ask):
    assert len(ask()) == 3
    assert len(ask("fold")) == 3
    assert [hit.rank for hit in ask("{name: max_tokens, options: {limit: 30}}")] == [1]
    assert len(ask("{name: max_per_file, options: {limit: 1}}", "merge")) == 3
    (shown,) = ask("{name: context, options: {chunks: 1}}", "{name: reduce, options: {topK: 1}}")
    assert shown.name == ask()[0].name
    by_novelty = ask("{name: mmr, options: {relevance: 1}}")
    assert [hit.name for hit in by_novelty] == [hit.name for hit in ask()]
    assert all("mmr" in hit.scores for hit in by_novelty)


def test_every_step_is_a_field_of_the_request_with_a_flag():
    refining = {name: one for name, _, one in SearchRequest.options() if one.refines}
    assert set(refining) == {step.field for step in pipeline.steps()}
    for step in pipeline.steps():
        declared = refining[step.field]
        assert declared.flags is not None
        assert declared.help.endswith((".", "]."))
        if step.parameter is not None:
            limits = step.parameter.minimum, step.parameter.maximum
            assert limits == (declared.minimum, declared.maximum)
