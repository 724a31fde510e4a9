"""Flows from the command line, and the page about them."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from knowledge.flows.ingestion_steps import Loader, Splitter, Transformer
from knowledge.flows.modifiers import Modifier
from knowledge.flows.postprocessors import Postprocessor
from knowledge.flows.reading import blueprints
from knowledge.flows.retrievers import Retriever
from tests.conftest import ROOT, write_files
from tests.flows.conftest import FILES

PAGE = (ROOT / "docs" / "flows.md").read_text(encoding="utf-8")
EXAMPLE = PAGE.partition("<!-- example: begin -->\n```yaml\n")[2].partition("```")[0]


def test_list(run, flows_file):
    path = flows_file("flows: {one: {retrieval: {}}}\ndatasets: {d: one}\n")
    listed = run("flows", "list", "--flows-file", path, "--json").json["flows"]
    assert listed[0] == {
        "name": "one",
        "file": str(path),
        "default": False,
        "ingests": False,
        "retrieves": True,
        "model_steps": [],
        "datasets": ["d"],
    }
    assert [one["name"] for one in listed[1:]] == blueprints()
    lines = run("flows", "list").out.splitlines()
    assert [line.split("\t")[0] for line in lines] == blueprints()


def test_show_gives_a_file_that_can_be_used(run, flows_file, monkeypatch):
    monkeypatch.setenv("SOME_KEY", "sk-secret")
    monkeypatch.setenv("KNOW_FLOWS_FILE", str(FILES / "valid_full.yaml"))
    outcome = run("flows", "show", "handbook")
    assert outcome.code == 0
    assert "sk-secret" not in outcome.out
    assert run("flows", "validate", flows_file(outcome.out)).code == 0
    shown = run("flows", "show", "--json").json
    assert (shown["name"], shown["model_steps"]) == ("handbook", ["spellcheck"])
    assert shown["content"]["ingestion"][0]["textSplitter"]["options"]["chunkSize"] == 100


def test_show_needs_a_file(run):
    outcome = run("flows", "show")
    assert (outcome.code, "--flows-file" in outcome.err) == (2, True)
    assert run("flows", "show", "nope", "--flows-file", "blueprint:otto").code == 2


def test_validate(run, flows_file):
    path = flows_file("flows:\n  a: {}\n  b: {retrieval: {retriever: basik}}\n")
    outcome = run("flows", "validate", path)
    assert outcome.code == 2
    assert outcome.out.splitlines() == [
        f"{path}:2: error: flow 'a' has neither ingestion nor retrieval.",
        f"{path}:3: error: there is no retriever 'basik'. Did you mean 'basic'?",
    ]
    content = run("flows", "validate", path, "--json").json
    assert (content["valid"], [one["line"] for one in content["errors"]]) == (False, [2, 3])
    good = run("flows", "validate", "blueprint:default")
    assert (good.code, good.out) == (0, "blueprint:default: 1 flow, all valid\n")
    assert run("flows", "validate", "nowhere.yaml").code == 3
    assert run("flows", "validate").code == 2


def test_a_wrong_file_ends_a_command(run, corpus, flows_file):
    path = flows_file("flows:\n  a: {retrieval: {retreiver: x}}\n")
    for command in (["ingest", corpus], ["retrieve", "key"], ["askdir", "key", "-p", corpus]):
        outcome = run(*command, "--flows-file", path, "--json")
        assert (outcome.code, outcome.json["error"]["code"]) == (2, "flows-file")
        assert outcome.json["error"]["message"].startswith(f"{path}:2:")


def test_ingest_and_retrieve_by_the_environment(run, corpus, monkeypatch):
    monkeypatch.setenv("KNOW_FLOWS_FILE", "blueprint:default")
    assert run("ingest", corpus).code == 0
    assert run("get-dataset", "default", "--json").json["dataset"]["chunk_size"] == 800
    found = run("retrieve", "hotel", "--json").json
    assert (found["flow"], found["queries"], found["mode"]) == ("default", ["hotel"], "dense")
    assert run("retrieve", "hotel", "-k", "1", "--json").json["top_k"] == 1
    monkeypatch.delenv("KNOW_FLOWS_FILE")
    assert run("retrieve", "hotel", "--json").json["flow"] is None


def test_a_relative_path_starts_at_the_working_directory(run, library, tmp_path):
    flows = {"flows": {"f": {"default": True, "retrieval": {"retriever": "bm25"}}}}
    write_files(
        tmp_path / "here",
        {"knowledge.yaml": "flows_file: my/flows.json\n", "my/flows.json": json.dumps(flows)},
    )
    found = run("retrieve", "hotel", "--json").json
    assert (found["flow"], found["mode"], len(found["hits"])) == ("f", "keyword", 1)


def test_askdir_by_a_flow(run, corpus, flows_file):
    path = flows_file(
        "flows:\n  f:\n    default: true\n    ingestion:\n      - filetypes: ['*']\n"
        "        transformers: [{name: extra_metadata, options: {metadata: {by: flow}}}]\n"
        "    retrieval: {retriever: bm25, postprocessors: [{name: reduce, options: {topK: 1}}]}\n"
    )
    found = run("askdir", "hotel key", "-p", corpus, "--flows-file", path, "--json").json
    (hit,) = found["hits"]
    assert (found["flow"], hit["metadata"]["by"]) == ("f", "flow")


def test_explain_names_the_flow(run, library):
    outcome = run("retrieve", "hotel", "--flows-file", "blueprint:context", "--explain")
    assert "by the flow 'context'" in outcome.out


def test_end_to_end_with_a_chat_model(run, library, chat):
    server = chat([{"result": "What may a hotel cost?"}, {"subqueries": ["hotel price", "hotel"]}])
    outcome = run(
        "retrieve", "Wat may a hottel cost?", "--flows-file", "blueprint:rewrite", "--json"
    )
    assert outcome.json["queries"] == ["What may a hotel cost?"]
    assert outcome.json["query"] == "Wat may a hottel cost?"
    assert outcome.json["hits"][0]["name"] == "travel.md"
    assert server.questions[1].endswith("Query: What may a hotel cost?")


def test_a_failing_model_is_a_note(run, library, chat):
    chat(["no JSON"])
    outcome = run("retrieve", "hotel", "--flows-file", "blueprint:rewrite")
    assert outcome.code == 0
    assert "goes on without its step 'spellcheck'" in outcome.err
    assert "travel.md" in outcome.out


def test_a_server_that_the_flow_names_is_named_as_the_flows(run, library, flows_file):
    text = (
        "flows:\n  a:\n    default: true\n    retrieval:\n      queryModifiers:\n"
        "        - name: spellcheck\n          options:\n"
        "            model: {openai: {model: m, baseURL: nonsense}}\n"
    )
    outcome = run("retrieve", "hotel", "--flows-file", flows_file(text))
    assert outcome.code == 2
    assert "baseURL of the flow is not an http:// or https:// address" in outcome.err


def test_a_note_of_a_missing_model_says_what_to_set(run, library):
    outcome = run("retrieve", "hotel", "--flows-file", "blueprint:rewrite")
    assert outcome.code == 0
    assert "goes on without its step 'spellcheck': no chat model is set. Set OPENAI_MODEL" in (
        outcome.err
    )


def test_a_key_does_not_go_where_a_strangers_file_says(run, library, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-real")
    flow = {
        "retrieval": {
            "queryModifiers": [
                {
                    "name": "enhance",
                    "options": {
                        "model": {
                            "openai": {
                                "model": "m",
                                "baseURL": "https://collector.example/v1",
                                "apiKey": "${OPENAI_API_KEY}",
                            }
                        }
                    },
                }
            ]
        },
        "default": True,
    }
    write_files(
        tmp_path / "here",
        {
            ".env": "KNOW_FLOWS_FILE=flows.yaml\n",
            "flows.yaml": yaml.safe_dump({"flows": {"f": flow}}),
        },
    )
    outcome = run("retrieve", "hotel", "--json")
    assert (outcome.code, outcome.json["error"]["code"]) == (2, "untrusted-endpoint")
    assert "sk-real" not in outcome.out


def test_a_rerankers_key_does_not_go_there_either(run, library, tmp_path, monkeypatch):
    monkeypatch.setenv("KNOW_RERANK_API_KEY", "sk-real")
    flow = {
        "retrieval": {
            "postprocessors": [
                {"name": "rerank", "options": {"name": "https://collector.example/v1"}}
            ]
        },
        "default": True,
    }
    write_files(
        tmp_path / "here",
        {
            ".env": "KNOW_FLOWS_FILE=flows.yaml\n",
            "flows.yaml": yaml.safe_dump({"flows": {"f": flow}}),
        },
    )
    outcome = run("retrieve", "hotel", "--json")
    assert (outcome.code, outcome.json["error"]["code"]) == (2, "untrusted-endpoint")


# The page


def test_the_example_of_the_page_works(run, corpus, flows_file, monkeypatch):
    monkeypatch.setenv("SMALL_MODEL", "m")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    path = flows_file(EXAMPLE)
    validated = run("flows", "validate", path, "--json").json
    assert (validated["valid"], validated["flows"]) == (True, ["handbook", "clever"])
    offline = ["--embedding-model-provider", "static", "--flows-file", path]
    assert run("ingest", corpus, *offline).code == 0
    found = run("retrieve", "hotel", "--flows-file", path, "--json").json
    assert (found["flow"], len(found["hits"])) == ("handbook", 5)
    assert found["hits"][0]["metadata"]["team"] == "docs"


KINDS = (Loader, Splitter, Transformer, Modifier, Retriever, Postprocessor)


@pytest.mark.parametrize("kind", KINDS)
def test_every_step_and_option_is_on_the_page(kind):
    for name, step in kind.choices().items():
        assert f"`{name}`" in PAGE
        for option in step.names():
            assert f"`{option}`" in PAGE, (name, option)


def test_every_blueprint_is_on_the_page():
    assert re.findall(r"^\| `blueprint:(\w+)` \|", PAGE, re.MULTILINE) == [
        "default",
        "context",
        "otto",
        "hybrid",
        "rerank",
        "rewrite",
    ]
    assert len(blueprints()) == 6
