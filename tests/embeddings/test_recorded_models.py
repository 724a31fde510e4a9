"""A recorded model is data: nothing is run or opened for it that the user has not named."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import sqlite3
import sys
import zipfile
from contextlib import closing
from dataclasses import replace

import pytest

from knowledge.embeddings.choice import choose, recorded
from knowledge.embeddings.consent import is_remembered, remember, what_it_names
from knowledge.embeddings.provider import provider_names
from knowledge.embeddings.registry import create_embedder
from knowledge.errors import UntrustedEndpointError, UntrustedModelError, UsageError
from knowledge.model import Dataset, EmbedderSpec
from knowledge.requests import MODES
from knowledge.settings.reading import Settings
from tests.conftest import write_files

CANARY = """\
import pathlib
import zlib

import numpy as np

from knowledge.embeddings.embedder import Embeddings
from knowledge.model import EmbedderSpec

MARK = pathlib.Path({mark!r})
MARK.touch()


class Canary:
    endpoint, max_input_tokens, max_batch, cacheable = "", None, 64, False

    def __init__(self, model="small", **rest):
        MARK.touch()
        self.spec = EmbedderSpec("canary", model, 256)

    @classmethod
    def from_settings(cls, settings, *, model=None, dimensions=None):
        return cls(model or "small")

    def embed_documents(self, texts):
        return Embeddings(np.eye(len(texts), 256, dtype=np.float32))

    def embed_query(self, text):
        return self.embed_documents([text])


class Foreign:
    def __init__(self, size=256):
        MARK.touch()
        self.size = size

    def embed_documents(self, texts):
        return np.eye(self.size)[[zlib.crc32(text.encode()) % self.size for text in texts]]

    def embed_query(self, text):
        return self.embed_documents([text])[0]
"""
PYTHON = "python:canary_models:Canary"
FOREIGN = "langchain:canary_models.Foreign"
SHELL = 'subprocess.Popen?args=["touch","{mark}"]'
REFUSED = (2, "untrusted-model")


@pytest.fixture
def mark(tmp_path):
    """The file that appears when the canary is imported or made, or the shell runs."""
    return tmp_path / "mark"


@pytest.fixture
def canary(tmp_path, mark, monkeypatch):
    """Install a module whose import, and whose classes, leave the mark."""
    write_files(tmp_path / "site", {"canary_models.py": CANARY.format(mark=str(mark))})
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    yield "canary_models"
    sys.modules.pop("canary_models", None)


@pytest.fixture(scope="module")
def plain(ingested_once, tmp_path_factory):
    """An archive of a dataset that the bundled model embedded, and its documents."""
    from knowledge import KnowledgeBase

    corpus, data = ingested_once
    home = tmp_path_factory.mktemp("archives")
    shutil.copytree(data, home / "data")
    with KnowledgeBase(Settings.read(environ={}, folder=home, data_dir=str(home / "data"))) as kb:
        kb.sharing.export(["default"], home / "plain.zip")
    return home / "plain.zip", corpus


@pytest.fixture
def forged(plain, tmp_path):
    """Write an archive whose manifest names another model; return its path."""

    def forge(provider, model):
        path = tmp_path / "forged.zip"
        with zipfile.ZipFile(plain[0]) as whole, zipfile.ZipFile(path, "w") as target:
            for name in whole.namelist():
                data = whole.read(name)
                if name == "manifest.json":
                    manifest = json.loads(data)
                    manifest["datasets"][0]["embedding"] |= {"provider": provider, "model": model}
                    data = json.dumps(manifest).encode()
                target.writestr(name, data)
        return path

    return forge


HOSTILE = {
    "langchain": ("langchain", SHELL),
    "llama-index": ("llama-index", SHELL),
    "python": (PYTHON, "small"),
    "onnx": ("onnx", "/nowhere/model"),
}


@pytest.mark.parametrize(
    "which",
    ["python", *(pytest.param(one, marks=pytest.mark.slow) for one in HOSTILE if one != "python")],
)
def test_nothing_of_an_archive_is_run_or_opened(run, forged, plain, canary, mark, tmp_path, which):
    provider, model = HOSTILE[which]
    archive = forged(provider, model.format(mark=mark))
    corpus = plain[1]
    questions = tmp_path / "questions.jsonl"
    questions.write_text(json.dumps({"query": "signing key", "file": "keys.md"}), "utf-8")

    outcome = run("import", archive, "--as", "theirs", "--json")
    assert outcome.code == 0
    named = outcome.json["datasets"][0]["embedding"]["names"]
    assert named == ("code" if provider in ("langchain", "llama-index", PYTHON) else "path")
    theirs = ("-d", "theirs")
    in_words = ("retrieve", "key", "--mode", "keyword", *theirs)  # asks models of files alone
    refused = [
        *[("retrieve", "key", "--mode", mode, *theirs) for mode in MODES if mode != "keyword"],
        *([in_words] if which == "onnx" else []),
        ("retrieve", "key", "--archive", archive),
        ("eval", "theirs", "--queries", questions),
        ("ingest", corpus, *theirs),
        ("ingest", corpus, "--dry-run", *theirs),
        ("watch", corpus, "--once", *theirs),
        ("reembed", "theirs", "--query-instruction", "q: "),
    ]
    for command in refused:
        outcome = run(*command, "--json")
        first = json.loads(outcome.out.splitlines()[-1]) if outcome.out else {}
        error = first.get("error") or {}
        assert (outcome.code, error.get("code")) == REFUSED, (command, outcome)
        assert provider in error["message"]
        assert "--embedding-model-provider" in error["hint"]
    allowed = [
        *([] if which == "onnx" else [in_words]),
        ("list-datasets", "--archive", archive),
        ("get-dataset", "default", "--archive", archive),
        ("get-dataset", "theirs"),
        ("list-files", *theirs),
        ("status",),
        ("models", "list"),
        ("doctor",),
        ("doctor", "--fix"),
        ("copy-dataset", "theirs", "copied"),
        ("merge-datasets", "theirs", "copied", "--into", "merged"),
        ("export", "theirs", "-o", tmp_path / "again.zip"),
    ]
    for command in allowed:
        outcome = run(*command)
        assert "Traceback" not in outcome.err, command
        assert outcome.code in (0, 7), (command, outcome)
    for name in ("theirs", "copied", "merged"):
        assert run("retrieve", "key", "-d", name, "--json").json["error"]["code"] == REFUSED[1]
    assert not mark.exists()


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("langchain", "canary_models.Foreign"),
        ("llama-index", "canary_models:Foreign"),
        ("python:canary_models", ""),
        ("onnx", "model"),
        ("onnx", "./model?pooling=cls"),
        ("llama-cpp", "model.gguf"),
        ("sentence-transformers", "/nowhere/model?revision=1"),
        ("sentence-transformers", "../model?broken"),
        ("model2vec", "~/model"),
        ("fastembed", "BAAI/bge-small-en-v1.5?path=/nowhere"),
    ],
)
def test_whatever_the_name_looks_like(canary, mark, tmp_path, provider, model):
    settings = Settings.read(environ={}, folder=tmp_path, data_dir=str(tmp_path / "data"))
    with pytest.raises(UntrustedModelError, match=r"dataset 'd' is embedded with "):
        recorded(of_model(provider, model), settings)
    assert not mark.exists()


def of_model(provider, model):
    spec = EmbedderSpec(provider, model, 256)
    return Dataset("d", "d-1", 1, 1, 1, 1, spec, None, {}, None, None)


def test_a_damaged_index_is_not_mended_by_code(run, forged, canary, mark, data_dir):
    run("import", forged(PYTHON, "small"))
    for index in data_dir.glob("datasets/*/g*/*/data_level0.bin"):
        index.write_bytes(index.read_bytes()[:-8] + b"damaged!")
    outcome = run("doctor", "--fix")
    assert outcome.code != 0
    assert "nobody here named it" in outcome.out + outcome.err
    assert not mark.exists()


class Pickled:
    """What runs a program where it is unpickled."""

    def __init__(self, mark):
        self.mark = str(mark)

    def __reduce__(self):
        return os.mkdir, (self.mark,)


def test_an_index_that_somebody_gave_runs_nothing(run, library, mark, data_dir):
    labels = pickle.dumps({"id_to_label": Pickled(mark)})
    found = list(data_dir.glob("datasets/*/g*/*/index_metadata.pickle"))
    assert found
    for path in found:
        path.write_bytes(labels)
    for command in (
        ("retrieve", "key", "--mode", "dense"),
        ("similar", "keys.md"),
        ("doctor",),
        ("export", "default", "-o", data_dir / "out.zip"),
        ("doctor", "--fix"),
        ("retrieve", "key"),
    ):
        assert "Traceback" not in run(*command).err, command
    assert not mark.exists()


def test_it_is_said_that_a_dataset_names_code(run, forged):
    outcome = run("import", forged("langchain", "some.Class"))
    assert "langchain:some.Class, 256 dimensions; names code" in outcome.out
    for command in (("get-dataset", "default"), ("list-datasets",), ("status", "default")):
        assert "names code" in run(*command).out, command
    listed = run("list-datasets", "--json").json["datasets"][0]["embedding"]
    assert (listed["model"], listed["names"]) == ("some.Class", "code")
    run("import", forged("onnx", "/some/model"), "--overwrite")
    assert "names a path" in run("get-dataset", "default").out


def test_models_list_says_so_too(run, tmp_path):
    profile = "embeddings:\n  providers:\n    - {name: mine, type: 'python:canary_models:Canary'}\n"
    write_files(tmp_path / "here", {"knowledge.yaml": profile})
    records = {one["name"]: one for one in run("models", "list", "--json").json["providers"]}
    assert {name for name, one in records.items() if one.get("names") == "code"} == {
        "langchain",
        "llama-index",
        "mine",
    }
    assert run("models", "list").out.count("names code") == 3


# What the user names himself


@pytest.mark.parametrize("provider", [PYTHON, FOREIGN])
def test_what_the_user_named_at_an_ingest_is_remembered(run, corpus, canary, mark, provider):
    assert run("ingest", corpus, "--embedding-model-provider", provider).code == 0
    assert mark.exists()
    for command in (
        ("retrieve", "key", "--json"),
        ("ingest", corpus, "--json"),
        ("rename-dataset", "default", "renamed", "--json"),
        ("retrieve", "key", "-d", "renamed", "--json"),
        ("copy-dataset", "renamed", "copied", "--json"),
        ("retrieve", "key", "-d", "copied", "--json"),
    ):
        outcome = run(*command)
        assert outcome.code == 0, (command, outcome)


def test_what_the_user_named_to_reembed_is_remembered(run, library, canary):
    assert run("reembed", "default", "--embedding-model-provider", FOREIGN).code == 0
    assert run("retrieve", "key").code == 0


def test_a_name_in_the_environment_does_as_well(run, forged, canary, mark, monkeypatch):
    run("import", forged(PYTHON, "small"))
    for other in ("python:canary_models:Foreign", f"{PYTHON}:large", FOREIGN, "static"):
        monkeypatch.setenv("KNOW_EMBEDDING_MODEL_PROVIDER", other)
        assert run("retrieve", "key").code == 2, other
    monkeypatch.setenv("KNOW_EMBEDDING_MODEL_PROVIDER", PYTHON)
    assert run("retrieve", "key").code == 0
    monkeypatch.delenv("KNOW_EMBEDDING_MODEL_PROVIDER")
    assert run("retrieve", "key", "--json").json["error"]["code"] == REFUSED[1]


def test_an_ingest_that_names_the_model_is_a_yes_to_an_import(run, forged, plain, canary):
    run("import", forged(PYTHON, "small"))
    assert run("ingest", plain[1], "--embedding-model-provider", PYTHON).code == 0
    assert run("retrieve", "key").code == 0


def test_a_reembed_that_names_the_same_model_is_a_yes_and_embeds_nothing(run, forged, canary):
    run("import", forged(PYTHON, "small"))
    asked = ("reembed", "default", "--embedding-model-provider", PYTHON, "--json")
    assert run(*asked).json["embedded"] == 0
    assert run("retrieve", "key").code == 0


def test_a_yes_is_for_one_dataset_of_one_data_folder(run, corpus, canary, data_dir, tmp_path):
    run("ingest", corpus, "--embedding-model-provider", PYTHON)
    run("export", "default", "-o", tmp_path / "own.zip")
    run("import", tmp_path / "own.zip", "--as", "back")
    shutil.copytree(data_dir, tmp_path / "elsewhere")
    for command in (
        ("retrieve", "key", "-d", "back"),
        ("retrieve", "key", "--archive", tmp_path / "own.zip"),
        ("retrieve", "key", "--data-dir", tmp_path / "elsewhere"),
    ):
        assert run(*command, "--json").json["error"]["code"] == REFUSED[1], command
    assert run("merge-datasets", "default", "back", "--into", "both").code == 0
    assert run("retrieve", "key", "-d", "both").code == 2
    assert run("retrieve", "key").code == 0


def test_a_yes_is_for_the_model_that_was_named(run, corpus, canary, data_dir):
    run("ingest", corpus, "--embedding-model-provider", FOREIGN)
    with closing(sqlite3.connect(data_dir / "catalog.db")) as catalog, catalog:
        catalog.execute("UPDATE datasets SET model = model || '?size=128'")
    assert run("retrieve", "key", "--json").json["error"]["code"] == REFUSED[1]


def test_a_yes_is_for_the_files_that_were_there(tmp_path):
    """Who changes them changes the hash in a catalog that lies beside them, too."""
    settings = Settings.read(environ={}, folder=tmp_path, data_dir=str(tmp_path / "data"))
    before, after = (
        replace(of_model("onnx", "/m"), embedding=EmbedderSpec("onnx", "/m", 8, {"files": files}))
        for files in ("0123", "4567")
    )
    assert remember(before, before.embedding, settings) == ""
    assert is_remembered(before, settings)
    assert not is_remembered(after, settings)


def test_no_folder_can_move_what_is_remembered(run, corpus, canary, tmp_path, data_dir):
    run("ingest", corpus, "--embedding-model-provider", PYTHON)
    kept = tmp_path / "home/config/knowledge/models"
    shutil.move(kept, tmp_path / "here/knowledge/models")
    write_files(
        tmp_path / "here", {".env": f"XDG_CONFIG_HOME={tmp_path}/here\nHOME={tmp_path}/here\n"}
    )
    assert run("retrieve", "key", "--json").json["error"]["code"] == REFUSED[1]


def test_a_configuration_folder_that_can_not_be_used(run, corpus, canary, tmp_path, monkeypatch):
    """A file stands in its place; a root user could write to any folder."""
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(blocked))
    outcome = run("ingest", corpus, "--embedding-model-provider", PYTHON)
    assert outcome.code == 0
    assert "name the model each time" in outcome.err
    assert run("retrieve", "key", "--json").json["error"]["code"] == REFUSED[1]
    monkeypatch.setenv("KNOW_EMBEDDING_MODEL_PROVIDER", PYTHON)
    assert run("retrieve", "key").code == 0


@pytest.mark.parametrize("content", ["", "{}", "[[[", "null"])
def test_a_damaged_memory_is_a_no(run, corpus, canary, tmp_path, content):
    run("ingest", corpus, "--embedding-model-provider", PYTHON)
    (file,) = (tmp_path / "home/config/knowledge/models").iterdir()
    file.write_text(content)
    assert run("retrieve", "key", "--json").json["error"]["code"] == REFUSED[1]


# What the working directory names


@pytest.mark.parametrize(
    "provider", [PYTHON, FOREIGN, "onnx:./model", "llama-cpp:./m.gguf", "model2vec:./model"]
)
@pytest.mark.parametrize("file", [".env", "knowledge.yaml", "profile"])
def test_an_untrusted_folder_names_neither_code_nor_files(canary, mark, tmp_path, provider, file):
    flags = {}
    if file == ".env":
        content = {".env": f"KNOW_EMBEDDING_MODEL_PROVIDER={provider}\n"}
    elif file == "knowledge.yaml":
        content = {"knowledge.yaml": f"embedding_model_provider: '{provider}'\n"}
    else:
        entry = f"{{name: p, type: '{provider}'}}"
        content = {"knowledge.yaml": f"embeddings:\n  providers:\n    - {entry}\n"}
        flags = {"embedding_model_provider": "p"}
    write_files(tmp_path / "here", content)
    settings = Settings.read(environ={}, folder=tmp_path / "here", **flags)
    with pytest.raises(UntrustedEndpointError):
        choose(None, settings)
    name, _, model = provider.rpartition(":")
    dataset = of_model(provider, "small") if provider == PYTHON else of_model(name, model)
    with pytest.raises((UntrustedEndpointError, UntrustedModelError)):
        recorded(dataset, settings)
    assert not mark.exists()


def test_fastembeds_cache_is_not_the_folders_to_name(tmp_path):
    from knowledge.retrieval.rerank.choice import create_reranker

    write_files(tmp_path / "here", {".env": "FASTEMBED_CACHE_PATH=./models\n"})
    settings = Settings.read(environ={}, folder=tmp_path / "here")
    with pytest.raises(UntrustedEndpointError, match="fastembed_cache"):
        create_reranker("cross-encoder", settings)
    create_reranker("cross-encoder", settings.override(trust_project=True))


def test_a_cross_encoders_folder_is_the_users_to_name(tmp_path, monkeypatch):
    from knowledge.retrieval.rerank.choice import create_reranker

    here = tmp_path / "here"
    write_files(here, {"knowledge.yaml": "rerank: cross-encoder:./org/model\n", "org/model/a": ""})
    settings = Settings.read(environ={}, folder=here)
    with pytest.raises(
        UntrustedEndpointError, match=r"names a folder to open: cross-encoder:\./org"
    ):
        create_reranker(settings["rerank"], settings)
    create_reranker(settings["rerank"], settings.override(rerank=settings["rerank"]))
    create_reranker(f"cross-encoder:{here}/org/model", settings)  # the caller's own word
    with pytest.raises(UsageError, match="a folder here too"):
        create_reranker("cross-encoder:org/model", settings)


def test_a_model_that_brings_code_must_be_named_where_such_code_is_allowed():
    """The variable that lets one model of the user run its code lets no other one."""
    settings = Settings.read(environ={"KNOW_SENTENCE_TRANSFORMERS_TRUST_REMOTE_CODE": "1"})
    with pytest.raises(UntrustedModelError, match="code to run"):
        recorded(of_model("sentence-transformers", "someone/model"), settings)


def test_nor_may_a_folder_name_a_model_that_brings_code(tmp_path):
    line = "KNOW_EMBEDDING_MODEL_PROVIDER=sentence-transformers:someone/model\n"
    write_files(tmp_path / "here", {".env": line})
    environ = {"KNOW_SENTENCE_TRANSFORMERS_TRUST_REMOTE_CODE": "1"}
    settings = Settings.read(environ=environ, folder=tmp_path / "here")
    with pytest.raises(UntrustedEndpointError, match="code to run: sentence-tr"):
        choose(None, settings)


# What may be loaded


@pytest.mark.parametrize(
    "name",
    [
        "langchain:subprocess.Popen?args=[]",
        "llama-index:subprocess.Popen",
        "langchain:os.system?command=true",
        "langchain:canary_models.Canary.from_settings",
        "python:subprocess:Popen",
        "python:os:system",
        "langchain:.relative.Class",
        "langchain:..",
    ],
)
def test_only_embedding_classes_are_called(canary, monkeypatch, name):
    import os
    import subprocess

    def called(*arguments, **named):
        raise AssertionError("it was called")

    monkeypatch.setattr(os, "system", called)
    monkeypatch.setattr(subprocess.Popen, "__init__", called)
    with pytest.raises(UsageError):
        create_embedder(name, settings=Settings.read(environ={}))


def test_what_gives_no_embedder_is_told(tmp_path, monkeypatch):
    code = "class Half:\n    @classmethod\n    def from_settings(cls, settings, **rest):\n"
    write_files(tmp_path / "site", {"half_models.py": f"{code}        return cls()\n"})
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    with pytest.raises(UsageError, match="gives no embedder: it lacks spec"):
        create_embedder("python:half_models:Half", settings=Settings.read(environ={}))


WAYS = {"python -m": {}, "relative": {"PYTHONPATH": "."}, "empty": {"PYTHONPATH": "/nowhere:"}}


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_no_module_comes_from_the_working_directory(run_process, corpus, mark, tmp_path, way):
    here = tmp_path / "here"
    write_files(here, {"canary_models.py": CANARY.format(mark=str(mark))})
    asked = ("ingest", corpus, "--embedding-model-provider", PYTHON, "--json")
    outcome = run_process(*asked, cwd=here, env=WAYS[way])
    assert outcome.code == 2
    assert "would come from the working directory" in outcome.json["error"]["message"]
    assert not mark.exists()


def test_a_full_path_is_the_users_choice(run_process, corpus, mark, tmp_path):
    here = tmp_path / "here"
    write_files(here, {"canary_models.py": CANARY.format(mark=str(mark))})
    asked = ("ingest", corpus, "--embedding-model-provider", PYTHON, "--dry-run")
    assert run_process(*asked, cwd=here, env={"PYTHONPATH": str(here)}).code == 0


def test_what_a_name_stands_for():
    for provider in provider_names():
        named = {"langchain": "code", "llama-index": "code", "llama-cpp": "path", "onnx": "path"}
        assert what_it_names(provider, "org/model") == named.get(provider, ""), provider
    assert what_it_names("onnx", "all-MiniLM-L6-v2") == ""
    assert what_it_names("model2vec", "../model") == "path"
    assert what_it_names("sentence-transformers", "~/m?revision") == "path"
    assert what_it_names("Python:a:B", "") == "code"


def test_the_file_of_a_yes_is_named_by_what_it_holds(run, corpus, canary, tmp_path, data_dir):
    run("ingest", corpus, "--embedding-model-provider", PYTHON)
    (file,) = (tmp_path / "home/config/knowledge/models").iterdir()
    facts = json.loads(file.read_text())
    assert facts["data_folder"] == str(data_dir)
    assert (facts["provider"], facts["model"]) == (PYTHON, "small")
    assert file.stem == hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]
