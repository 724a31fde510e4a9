"""What a flows file may hold, and what is said of one that holds something else."""

from __future__ import annotations

import json

import pytest

from knowledge.errors import FlowsFileError, PathNotFoundError, UntrustedEndpointError, UsageError
from knowledge.flows.reading import blueprints, choose_flow, inspect_flows, open_flows
from knowledge.settings.reading import Settings
from tests.conftest import write_files
from tests.flows.conftest import FILES


def read(path, tmp_path, **environ):
    environ = {"KNOW_FLOWS_FILE": str(path), **environ}
    return open_flows(Settings.read(environ=environ, folder=tmp_path))


@pytest.fixture
def problems(tmp_path, flows_file):
    """Return (line, message, hint) of what is wrong with a text."""

    def find(text, name="flows.yaml", **environ):
        settings = Settings.read(environ=environ, folder=tmp_path)
        inspected = inspect_flows(str(flows_file(text, name)), settings)
        return [(one.line, one.message, one.hint) for one in inspected.errors]

    return find


def test_all_that_a_file_may_hold(tmp_path):
    file = read(FILES / "valid_full.yaml", tmp_path, SOME_KEY="sk-secret")
    assert list(file.flows) == ["handbook", "plain"]
    assert file.default is file.flows["handbook"]
    assert file.datasets == {"notes": "plain"}
    flow = file.flows["handbook"]
    assert [entry.filetypes for entry in flow.ingestion] == [
        (".md",),
        ("text/plain", "application/json"),
        ("*",),
    ]
    assert flow.model_steps == ["spellcheck"]
    (spellcheck,) = flow.retrieval.modifiers
    assert spellcheck.model.api_key.value == "sk-secret"
    assert "sk-secret" not in json.dumps(flow.shown()) + repr(flow)


def test_names_of_keys_and_options_ignore_case(tmp_path):
    file = read(FILES / "valid.json", tmp_path)
    flow = file.flows["small"]
    assert flow.default
    assert flow.splitting == {"chunkSize": 64, "chunkOverlap": 8}
    assert flow.retrieval.retriever.top_k == 4
    assert file.datasets == {"Mixed Case": "small"}


@pytest.mark.parametrize("name", blueprints())
def test_blueprints_are_valid(tmp_path, name):
    file = read(f"blueprint:{name}", tmp_path)
    assert file.default.name == name


def test_the_ancestors_blueprints(tmp_path):
    default = read("blueprint:default", tmp_path).default
    assert default.splitting == {"chunkSize": 800, "chunkOverlap": 400}
    assert (default.retrieval.retriever.name, default.retrieval.retriever.top_k) == ("basic", 20)
    otto = read("blueprint:otto", tmp_path).default
    assert otto.splitting == {"chunkSize": 2048, "chunkOverlap": 256}
    assert otto.ingestion[0].loader.name == "structured"
    context = read("blueprint:context", tmp_path).default
    assert not context.ingests
    merge = context.retrieval.retriever
    assert [(one.step.name, one.weight) for one in merge.retrievers] == [
        ("basic", 0.7),
        ("bm25", 0.3),
    ]
    assert [step.name for step in context.retrieval.postprocessors] == ["similarity", "reduce"]


OPENAI = (
    "flows:\n  a:\n    retrieval:\n      retriever:\n        name: subquery\n        options:\n"
    "          model: {{openai: {{model: m, {name}: 'https://models.example/v1'}}}}\n"
)


def test_the_ancestors_examples_say_where_the_model_is(tmp_path):
    (tmp_path / "flows.yaml").write_text(OPENAI.format(name="apiBase"), encoding="utf-8")
    choice = read(tmp_path / "flows.yaml", tmp_path).flows["a"].retrieval.retriever.model
    assert choice.base_url == "https://models.example/v1"


def test_a_hint_leads_no_address_into_a_key(tmp_path):
    (tmp_path / "flows.yaml").write_text(OPENAI.format(name="apiKe"), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read(tmp_path / "flows.yaml", tmp_path)
    assert "apiKey" not in caught.value.message + caught.value.hint


RETRIEVER = (
    "flows:\n  a:\n    retrieval:\n      retriever:\n        name: {name}\n"
    "        options: {options}\n"
)
ENTRY = "flows:\n  a:\n    ingestion:\n      - {entry}\n"


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        ("flows:\n  a: {}\n", 2, "flow 'a' has neither ingestion nor retrieval", ""),
        ("datasets: {}\n", 1, "it holds no flows", ""),
        ("flow: {}\n", 1, "the file has no 'flow'", "Did you mean 'flows'?"),
        ("flows:\n  a:\n    retreival: {}\n", 3, "flow 'a' has no 'retreival'", "'retrieval'"),
        ("flows: [a]\n", 1, "flows must be a mapping, not a list", ""),
        (
            "flows:\n  a: {default: true, retrieval: {}}\n  b: {default: true, retrieval: {}}\n",
            3,
            "flow 'b' is a second default",
            "",
        ),
        (
            "flows:\n  a:\n    default: maybe\n    retrieval: {}\n",
            3,
            "default must be true or false, not 'maybe'",
            "",
        ),
        (ENTRY.format(entry="{textSplitter: {name: text}}"), 4, "needs 'filetypes'", "Such as"),
        (ENTRY.format(entry="{filetypes: []}"), 4, "filetypes must be a list with something", ""),
        (ENTRY.format(entry="{filetypes: [md]}"), 4, "'md' is not a type of file", "'.md'"),
        (
            ENTRY.format(entry="{filetypes: [text/plian]}"),
            4,
            "no file is found to be 'text/plian'",
            "'text/plain'",
        ),
        (
            ENTRY.format(entry="{filetypes: ['*'], documentLoader: {name: mupfd}}"),
            4,
            "there is no document loader 'mupfd'",
            "Did you mean 'mupdf'?",
        ),
        (
            ENTRY.format(
                entry="{filetypes: ['*'], textSplitter: {name: text, options: {size: 3}}}"
            ),
            4,
            "the text splitter 'text' has no 'size'",
            "",
        ),
        (
            ENTRY.format(
                entry="{filetypes: ['*'], textSplitter: {name: text, options: "
                "{chunkSize: 10, chunkOverlap: 10}}}"
            ),
            4,
            "chunkOverlap (10) must be less than chunkSize (10)",
            "",
        ),
        (
            ENTRY.format(
                entry="{filetypes: ['*'], textSplitter: {name: text, options: "
                "{encodingName: o200k_bse}}}"
            ),
            4,
            "there is no encoding 'o200k_bse'",
            "Did you mean 'o200k_base'?",
        ),
        (
            ENTRY.format(
                entry="{filetypes: ['*'], textSplitter: {name: text, options: {modelName: llama}}}"
            ),
            4,
            "the tokens of the model 'llama' cannot be counted",
            "encodingName",
        ),
        (
            ENTRY.format(
                entry="{filetypes: ['*'], transformers: [{name: metadata, options: "
                "{manipulations: [{operator: ad, key: x, value: 1}]}}]}"
            ),
            4,
            "operator must be one of add, upsert, remove",
            "",
        ),
        (
            ENTRY.format(entry="{filetypes: ['*'], transformers: [{name: metadata}]}"),
            4,
            "the transformer 'metadata' needs the option 'manipulations'",
            "",
        ),
        (RETRIEVER.format(name="basik", options="{}"), 5, "no retriever 'basik'", "'basic'"),
        (
            RETRIEVER.format(name="basic", options="{topk: 0}"),
            6,
            "topK must be at least 1, not 0",
            "",
        ),
        (
            RETRIEVER.format(name="basic", options="{topK: many}"),
            6,
            "topK must be a whole number, not 'many'",
            "",
        ),
        (RETRIEVER.format(name="basic", options="{mode: fast}"), 6, "must be one of dense", ""),
        (
            RETRIEVER.format(name="merge", options="{retrievers: []}"),
            6,
            "retrievers must be a list with something in it, not an empty list",
            "",
        ),
        (
            RETRIEVER.format(name="basic", options="[1]"),
            6,
            "the options of the retriever 'basic' must be a mapping, not a list",
            "",
        ),
        ("flows: {}\n", 1, "it holds no flows", "Such as"),
        (
            RETRIEVER.format(name="merge", options="{retrievers: [{name: bm26}]}"),
            6,
            "there is no retriever 'bm26'",
            "'bm25'",
        ),
        (
            RETRIEVER.format(name="bm25", options="{cleanStopWords: [klingon]}"),
            6,
            "there is no language 'klingon'",
            "",
        ),
        (
            RETRIEVER.format(name="subquery", options="{model: {opnai: {}}}"),
            6,
            "the model has no 'opnai'",
            "",
        ),
        (
            "flows:\n  a:\n    retrieval:\n      postprocessors: [{name: content_filter}]\n",
            4,
            "needs the option 'question'",
            "",
        ),
        (
            "flows:\n  a:\n    retrieval:\n      queryModifiers: spellcheck\n",
            4,
            "queryModifiers must be a list",
            "",
        ),
        (
            "flows:\n  a: {retrieval: {}}\ndatasets:\n  d: b\n",
            4,
            "dataset 'd' has the flow 'b', which is not here",
            "",
        ),
        ("flows:\n  a: {retrieval: {}}\n  a: {retrieval: {}}\n", 3, "'a' stands here a second", ""),
        ("flows:\n  a: {retrieval: {\n", 3, "it is not YAML", ""),
        ("flows:\n\t- a\n", 2, "it is not YAML", ""),
        ("flows: !!python/object:os.system {}\n", 1, "", ""),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(problems, text, line, message, hint):
    found = problems(text)
    assert found
    assert found[0][0] == line
    assert message in found[0][1]
    assert hint in found[0][2]


def test_all_that_is_wrong_is_told_at_once(problems):
    text = "flows:\n  a: {}\n  b: {retrieval: {retriever: {name: x}}}\n  c: {retrieval: {p: 1}}\n"
    assert [line for line, _, _ in problems(text)] == [2, 3, 4]


def test_the_first_is_the_error_and_counts_the_others(tmp_path, flows_file):
    path = flows_file("flows:\n  a: {}\n  b: {}\n")
    with pytest.raises(FlowsFileError) as caught:
        read(path, tmp_path)
    assert caught.value.message.startswith(f"{path}:2: flow 'a' has neither")
    assert "and 1 more" in caught.value.message
    assert caught.value.exit_code == 2


def test_variables(tmp_path, flows_file):
    path = flows_file(
        "flows:\n  a: {retrieval: {retriever: {name: basic, options: {topK: ${K}}}}}\n"
        "  b: {retrieval: {postprocessors: [{name: content_substring_filter,"
        " options: {contains: ['${WORD} x', \"${K}\"]}}]}}\n"
    )
    word = "a: [b]\n# {c} $"
    file = read(path, tmp_path, K="7", WORD=word)
    assert file.flows["a"].retrieval.retriever.top_k == 7
    (step,) = file.flows["b"].retrieval.postprocessors
    assert step.contains == (f"{word} x", "7")


def test_a_variable_that_is_not_set(problems):
    text = RETRIEVER.format(name="basic", options="{topK: ${K}}")
    assert problems(text)[0][:2] == (6, "the variable K is not set")
    assert problems(text, K="3") == []


def test_anchors_and_merges(tmp_path, flows_file):
    path = flows_file(
        "flows:\n"
        "  a: &base\n    default: true\n    retrieval: {retriever: {name: basic}}\n"
        "  b:\n    <<: *base\n    default: false\n"
    )
    file = read(path, tmp_path)
    assert file.flows["b"].retrieval.retriever.name == "basic"
    assert not file.flows["b"].default


def test_a_bomb_of_aliases_is_refused(problems):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    found = problems("\n".join(lines))
    assert any("too deep, or too large" in message for _, message, _ in found)


def test_what_has_no_effect_is_told(tmp_path, flows_file):
    path = flows_file(
        ENTRY.format(
            entry="{filetypes: ['.pdf'], documentLoader: {name: mupdf, options: "
            "{NumThread: 4, Password: x}}}"
        )
    )
    notices = inspect_flows(str(path), Settings.read(environ={}, folder=tmp_path)).file.notices
    assert sorted((one.line, one.message.partition(" ")[0]) for one in notices) == [
        (4, "NumThread"),
        (4, "Password"),
    ]


SUBQUERY = "{name: subquery, options: {model: %s}}"


@pytest.mark.parametrize(
    "model",
    [
        "{openai: {apiKey: '${SOME_KEY}', model: m}}",
        "{OpenAI: {APIKEY: ${SOME_KEY}}}",
        "{apikey: ${SOME_KEY}}",
    ],
)
@pytest.mark.parametrize("inside", ["%s", "{name: merge, options: {retrievers: [%s]}}"])
def test_a_key_knows_where_it_comes_from_and_is_not_shown(tmp_path, flows_file, model, inside):
    retriever = inside % (SUBQUERY % model)
    path = flows_file(f"flows:\n  a:\n    retrieval: {{retriever: {retriever}}}\n")
    file = read(path, tmp_path, SOME_KEY="0123456789")
    assert not file.notices
    flow = file.flows["a"]
    (step,) = [one for one in flow.steps() if one.name == "subquery"]
    key = step.model.api_key
    assert (key.value, key.environment, key.dotenv) == ("0123456789", True, False)
    assert "123456789" not in json.dumps(flow.shown()) + repr(flow)
    shown = flow.shown()["retrieval"]["retriever"]
    assert "********" in json.dumps(shown)


def test_a_key_that_stands_in_the_file_is_noticed(tmp_path, flows_file):
    retriever = SUBQUERY % "{openai: {apiKey: sk-1}}"
    file = read(flows_file(f"flows:\n  a:\n    retrieval: {{retriever: {retriever}}}\n"), tmp_path)
    assert [one.line for one in file.notices] == [3]
    assert file.notices[0].message == "apiKey stands in the file; ${NAME} keeps it out"
    assert not next(file.flows["a"].steps()).model.api_key.environment


def test_names_that_differ_in_case_alone_are_one(problems):
    text = RETRIEVER.format(name="basic", options="{topK: 3, TOPK: 4}")
    assert problems(text)[0][:2] == (6, "'topK' stands here a second time")
    text = RETRIEVER.format(name="basic", options="{top_k: 3}")
    assert problems(text)[0] == (6, "the retriever 'basic' has no 'top_k'", "Did you mean 'topK'?")


def test_which_flow(tmp_path, flows_file):
    file = read(FILES / "valid_full.yaml", tmp_path, SOME_KEY="x")
    assert choose_flow(file, "plain", ["x"]).name == "plain"
    assert choose_flow(file, "", ["notes"]).name == "plain"
    assert choose_flow(file, "", ["x"]).name == "handbook"
    assert choose_flow(file, "", ["notes", "x"]).name == "handbook"
    with pytest.raises(UsageError, match="has no flow 'plane'") as caught:
        choose_flow(file, "plane", ["x"])
    assert caught.value.hint == "Did you mean 'plain'?"
    no_default = read(flows_file("flows: {a: {retrieval: {}}}"), tmp_path)
    with pytest.raises(UsageError, match="has no default flow"):
        choose_flow(no_default, "", ["x"])


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(PathNotFoundError):
        read("nowhere.yaml", tmp_path)
    with pytest.raises(UsageError, match="no blueprint 'defualt'") as caught:
        read("blueprint:defualt", tmp_path)
    assert caught.value.hint == "Did you mean 'default'?"
    with pytest.raises(UsageError, match="no flows file"):
        read("", tmp_path, KNOW_FLOW="a")


def test_a_file_that_the_folder_names_may_not_take_variables(tmp_path):
    text = RETRIEVER.format(
        name="subquery",
        options="{model: {openai: {baseURL: 'https://collector.example/${TOKEN}'}}}",
    )
    write_files(tmp_path, {".env": "KNOW_FLOWS_FILE=flows.yaml\n", "flows.yaml": text})
    with pytest.raises(UntrustedEndpointError, match=r"flows\.yaml:6 takes TOKEN"):
        open_flows(Settings.read(environ={"TOKEN": "secret"}, folder=tmp_path))
    environ = {"TOKEN": "x", "KNOW_FLOWS_FILE": "flows.yaml"}
    with pytest.raises(UntrustedEndpointError, match=r"flows\.yaml:6 takes TOKEN"):
        open_flows(Settings.read(environ=environ, folder=tmp_path))
    trusting = {**environ, "KNOW_TRUST_PROJECT": "1"}
    assert open_flows(Settings.read(environ=trusting, folder=tmp_path)) is not None
    near = text.replace("https://collector.example", "http://127.0.0.1")
    write_files(tmp_path, {"flows.yaml": near})
    assert open_flows(Settings.read(environ=environ, folder=tmp_path)) is not None
