"""One request path: what a flag, a variable, a file and ``open(...)`` say is one request."""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
from functools import cache
from importlib import import_module
from pathlib import Path

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
from knowledge.cli.options.declared import Group
from knowledge.cli.run import main
from knowledge.cli.spelling import spelled
from knowledge.cli.table import COMMANDS
from knowledge.client import RemoteKnowledgeBase
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
    "store": "postgresql://localhost/another",
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
NOT_OF_A_FILE = {"config_file", "trust_project"}
"""Settings that a settings file can't decide; nor can it hold a secret."""
ELSEWHERE = {*NOT_OF_A_FILE, "data_dir", "server", "store"}
"""Settings that lead to other data, or to other settings."""


def another(setting):
    """Return a value of a setting that is not its default."""
    if setting.name in VALUES:
        return VALUES[setting.name]
    if isinstance(setting.default, bool):
        return not setting.default
    if isinstance(setting.default, int | float):
        return type(setting.default)(
            setting.default + (1 if setting.default < setting.maximum else -1)
        )
    others = [choice for choice in setting.choices if choice != setting.default]
    return others[0] if others else f"another-{setting.name}"


def facts(request):
    """Return a request's fields, whatever type of list or path a face makes."""
    plain = {}
    for name, _, _ in request.options():
        value = getattr(request, name)
        if isinstance(value, str | os.PathLike):
            value = [os.fspath(value)]
        plain[name] = list(value) if isinstance(value, tuple) else value
    return plain


@cache
def flags_of(verb):
    """Return the flag of each setting that a verb's command takes, as (field, declaration)."""
    target = next(entry.target for entry in COMMANDS if entry.name == verb)
    module, _, name = target.partition(":")
    function = getattr(import_module(module), name)
    groups = map(Group.of, inspect.signature(function, eval_str=True).parameters.values())
    return {
        declared.setting: (field, declared)
        for group in groups
        if group is not None
        for field, _, declared in group.kind.options()
        if declared.setting and declared.flags is not None
    }


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
            monkeypatch.setattr(RemoteKnowledgeBase, verb, catch, raising=False)
        main([*map(str, arguments), "--quiet"])
        assert found, arguments
        return found[0]

    return ask


def given_by(field, declared, value):
    """Return the words of a command line that give a setting a value."""
    flag = (declared.flags or ("--" + field.replace("_", "-"),))[-1]
    if "/" in flag:
        on, off = flag.split("/")
        return [on if value in (True, "on") else off]
    return [flag] if isinstance(value, bool) else [flag, value]


@pytest.mark.parametrize("setting", TABLE, ids=lambda setting: setting.name)
def test_a_setting_means_the_same_from_everywhere_for_every_verb(setting, asked, tmp_path):
    value, name = another(setting), setting.name
    environ = {setting.variables[0]: str(value)}
    if name == "config_file":
        Path(value).touch()
        (tmp_path / value).touch()
    plain = Settings.read()
    read = {
        "open": KnowledgeBase.open(**{name: value}).settings,
        "variable": Settings.read(environ=environ, folder=tmp_path),
    }
    if not setting.secret and name not in NOT_OF_A_FILE:
        (tmp_path / "knowledge.yaml").write_text(json.dumps({name: value}))
        read["file"] = Settings.read(environ={}, folder=tmp_path)
    assert {one[name] for one in read.values()} == {value} != {setting.default}

    for verb, (kind, command, first) in VERBS.items():
        requests = [facts(kind(**first).resolved(one)) for one in read.values()]
        own = {declared.setting for _, _, declared in kind.options()}
        if name in flags_of(verb):
            field, declared = flags_of(verb)[name]
            request, settings = asked([*command, *given_by(field, declared, value)])
            requests.append(facts(request))
            assert name in own or settings[name] == value
        assert all(request == requests[0] for request in requests)
        assert (requests[0] != facts(kind(**first).resolved(plain))) == (name in own)


@pytest.mark.parametrize("verb", VERBS)
def test_a_command_reads_all_settings_as_python_does(verb, asked, monkeypatch):
    kind, command, first = VERBS[verb]
    known = {one.name: one for one in TABLE if not one.secret and one.name not in ELSEWHERE}
    values = {name: another(one) for name, one in known.items()}
    with open("knowledge.yaml", "w", encoding="utf-8") as file:
        json.dump(values, file)
    by_file, settings = asked(command)
    assert {name: settings[name] for name in known} == values
    os.unlink("knowledge.yaml")
    for name, value in values.items():
        monkeypatch.setenv(known[name].variables[0], str(value))
    by_variable, settings = asked(command)
    assert {name: settings[name] for name in known} == values
    assert facts(by_file) == facts(by_variable) == facts(kind(**first).resolved(settings))


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
    assert spelled("`server` and `flows_file`") == "--server and --flows-file"
    assert spelled("`fold`, `embedding_rpm`, `gitignore`, `nothing`") == (
        "--no-fold, --rpm, --gitignore, `nothing`"
    )
    assert main(["retrieve", "key", "-k", "0"]) == 2


def test_the_public_names():
    assert knowledge.__all__ == sorted(knowledge.__all__) == dir(knowledge)
    for name in knowledge.__all__:
        assert getattr(knowledge, name) is not None
