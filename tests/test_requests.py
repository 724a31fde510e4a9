"""One request path: what a flag, a variable, a file and ``open(...)`` say is one request."""

from __future__ import annotations

import dataclasses
import inspect
import os

import pytest

import knowledge
from knowledge import (
    AskRequest,
    IngestRequest,
    KnowledgeBase,
    SearchRequest,
    Settings,
    SimilarRequest,
    UsageError,
    WatchRequest,
)
from knowledge.cli.options import settings as option_groups
from knowledge.cli.options.declared import Group
from knowledge.cli.run import main
from knowledge.cli.spelling import spelled
from knowledge.requests import Request
from knowledge.server.arguments import json_schema
from knowledge.settings.table import TABLE

VERBS = {
    "retrieve": (SearchRequest, ["retrieve", "key"], {"query": "key"}),
    "ask": (AskRequest, ["ask", "key"], {"query": "key"}),
    "similar": (SimilarRequest, ["similar", "a.md"], {"target": "a.md"}),
    "ingest": (IngestRequest, ["ingest", "docs"], {"paths": ["docs"]}),
    "watch": (WatchRequest, ["watch", "docs"], {"paths": ["docs"]}),
}
VALUES = {
    "dataset": "handbook",
    "server": "http://127.0.0.1:7411",
    "workers": "2",
    "top_k": 3,
    "retrieve_keywords": "hotel",
    "ingest_metadata": "team=support",
    "retrieve_mode": "keyword",
    "retrieve_weight": 0.75,
    "retrieve_fusion": "rrf",
    "retrieve_candidates": 70,
    "retrieve_file_weight": 0.4,
    "fallback": "keyword",
    "min_relevance": 0.3,
    "rerank": "bm25",
    "rerank_depth": 7,
    "retrieve_sparse_weight": 0.7,
    "sparse_model": "./splade",
    "chat_model": "some-model",
    "ignore_file": "rules.txt",
    "ignore_extensions": ".log,.tmp",
    "include_hidden": True,
    "include_generated": True,
    "follow_links": False,
    "gitignore": "off",
    "no_recursive": True,
    "no_create_dataset": True,
    "prune": True,
    "err_on_unsupported_file": True,
    "embedding_cache": False,
    "allow_private_hosts": True,
    "embedding_model_provider": "static",
    "query_instruction": "none",
    "document_instruction": "none",
    "embedding_rpm": 7,
    "embedding_tpm": 8,
    "lock_timeout": 1.5,
    "flows_file": "blueprint:default",
    "flow": "one",
    "chunk_size": 100,
    "chunk_overlap": 10,
    "concurrency": 2,
    "file_timeout": 9.5,
    "file_memory": 512,
    "loader": "pdf=pypdf",
    "html": "full",
    "ocr": "off",
}
BY_NAME = {setting.name: setting for setting in TABLE}
CASES = [
    (verb, name, declared)
    for verb, (kind, _, _) in VERBS.items()
    for name, _, declared in kind.options()
    if declared.setting
]


@pytest.fixture
def asked(monkeypatch):
    """Return the request of a command, resolved, and the settings it was given to."""

    def ask(arguments):
        found = []

        def catch(self, request, **_):
            found.append((request.resolved(self.settings), self.settings))
            raise UsageError("caught")

        for verb in VERBS:
            monkeypatch.setattr(KnowledgeBase, verb, catch)
        main([*map(str, arguments), "--quiet"])
        assert found, arguments
        return found[0]

    return ask


def flag_of(name, declared, value):
    flag = (declared.flags or ("--" + name.replace("_", "-"),))[-1]
    if "/" in flag:
        on, off = flag.split("/")
        return [on if value in (True, "on") else off]
    return [flag] if isinstance(value, bool) else [flag, value]


@pytest.mark.parametrize(
    ("verb", "name", "declared"), CASES, ids=[f"{verb}-{name}" for verb, name, _ in CASES]
)
def test_every_setting_of_a_request_means_the_same_from_everywhere(
    verb, name, declared, asked, monkeypatch
):
    kind, command, first = VERBS[verb]
    setting, value = BY_NAME[declared.setting], VALUES[declared.setting]
    plain = getattr(kind(**first).resolved(Settings.read()), name)

    by_open = kind(**first).resolved(Settings.read(**{setting.name: value}))
    wanted = getattr(by_open, name)
    assert wanted != plain
    by_flag = asked([*command, *flag_of(name, declared, value)])[0]
    with monkeypatch.context() as patch:
        patch.setenv(setting.variables[0], str(value))
        by_variable = asked(command)[0]
    with open("knowledge.yaml", "w", encoding="utf-8") as file:
        file.write(f"{setting.name}: {value}\n")
    by_file = asked(command)[0]
    for one in (by_flag, by_variable, by_file):
        got = getattr(one, name)
        if isinstance(wanted, tuple):
            got = tuple(got)
        got = got[0] if isinstance(got, list) else os.fspath(got) if name == "ignore_file" else got
        assert got == wanted


GROUPS = {
    declared.setting: (name, declared, group)
    for group in vars(option_groups).values()
    if isinstance(group, type) and issubclass(group, Request) and dataclasses.is_dataclass(group)
    if group.__module__ == option_groups.__name__
    for name, _, declared in group.options()
    if declared.setting
}


@pytest.mark.parametrize("setting", sorted(GROUPS))
def test_every_other_flag_sets_its_setting(setting):
    name, declared, group = GROUPS[setting]
    value = VALUES[setting]
    given = (not declared.off) if isinstance(value, bool) else value
    made = Group("x", group).made({name: True if isinstance(value, bool) else given})
    assert getattr(made, name) == value
    by_flag = Settings.read(**{setting: getattr(made, name)})
    by_variable = Settings.read(environ={BY_NAME[setting].variables[0]: str(value)})
    assert by_flag[setting] == by_variable[setting] == value


@pytest.mark.parametrize("verb", VERBS)
def test_a_field_is_described_to_every_face_in_its_own_words(verb):
    described = json_schema(VERBS[verb][0])["properties"]
    assert not [one for one in described.values() if "--" in str(one) or "[KNOW_" in str(one)]
    for name, _, declared in VERBS[verb][0].options():
        if declared.off:  # the flag says the opposite
            assert declared.flag_help.startswith(declared.off.removesuffix("."))
            assert described[name]["description"] == declared.help != declared.off


@pytest.mark.parametrize("verb", VERBS)
def test_a_method_takes_what_its_request_declares(verb):
    kind = VERBS[verb][0]
    signature = inspect.signature(getattr(KnowledgeBase, verb))
    arguments = {
        name: parameter
        for name, parameter in list(signature.parameters.items())[1:]
        if name not in ("progress", "on_file", "listen")
    }
    assert set(arguments) == {name for name, _, _ in kind.options()}
    types = {field.name: field.type for field in dataclasses.fields(kind)}
    for name, default, _ in list(kind.options())[1:]:
        assert arguments[name].default == default, name
        assert arguments[name].annotation == types[name], name


def test_settings_count_in_python(tmp_path, data_dir):
    docs = tmp_path / "docs"
    docs.mkdir()
    for number in range(5):
        (docs / f"{number}.md").write_text(f"# Key {number}\n\nThe signing key number {number}.\n")
    with KnowledgeBase.open(dataset="handbook", top_k=3, rerank="bm25") as kb:
        kb.ingest(docs)
        found = kb.retrieve("signing key")
        assert [hit.dataset for hit in found] == ["handbook"] * 3
        assert all("rerank" in hit.scores for hit in found)
        assert found.query.rerank == "bm25"
        assert len(kb.retrieve(SearchRequest("signing key", top_k=1))) == 1
    with KnowledgeBase.open(dataset="nope") as kb, pytest.raises(knowledge.DatasetNotFoundError):
        kb.retrieve("signing key")


def test_unknown_names_are_usage_errors():
    with KnowledgeBase.open() as kb, pytest.raises(UsageError) as caught:
        kb.retrieve("key", topk=3)
    assert (caught.value.message, "top_k" in caught.value.hint) == (
        "there is no option 'topk'",
        True,
    )
    with pytest.raises(UsageError) as caught:
        KnowledgeBase.open(top_kk=3)
    assert "top_k" in caught.value.hint


def test_errors_name_fields_and_the_command_line_spells_them():
    with KnowledgeBase.open() as kb, pytest.raises(UsageError) as caught:
        kb.retrieve("key", top_k=0)
    assert caught.value.message == "`top_k` must be from 1 to 10000, not 0"
    assert spelled(caught.value.message) == "--top-k must be from 1 to 10000, not 0"
    assert spelled("`fold`, `embedding_rpm`, `gitignore`, `nothing`") == (
        "--no-fold, --rpm, --gitignore, `nothing`"
    )
    assert main(["retrieve", "key", "-k", "0"]) == 2


def test_the_public_names():
    assert knowledge.__all__ == sorted(knowledge.__all__) == dir(knowledge)
    for name in knowledge.__all__:
        assert getattr(knowledge, name) is not None
