"""Another settings file than ./knowledge.yaml, profiles in it, and names of other programs."""

from __future__ import annotations

import pytest

from tests.conftest import write_files
from tests.openai_server import OpenAIServer


@pytest.fixture
def config(run):
    def read(*arguments):
        settings = run("config", *arguments, "--json").json["settings"]
        return {setting["name"]: (setting["value"], setting["origin"]) for setting in settings}

    return read


def test_a_flag_or_a_variable_names_the_file(config, tmp_path, monkeypatch):
    write_files(
        tmp_path / "here",
        {
            "knowledge.yaml": "top_k: 4\ndataset: a\n",
            "other.yaml": "top_k: 5\n",
            "c.json": '{"top_k": 6}',
        },
    )
    assert config()["top_k"] == (4, "knowledge.yaml")
    there = config("--config-file", "other.yaml")
    assert there["top_k"] == (5, "config file")
    assert there["dataset"] == ("default", "default")
    assert config("-c", str(tmp_path / "here" / "c.json"))["top_k"] == (6, "config file")
    monkeypatch.setenv("KNOW_CONFIG_FILE", "other.yaml")
    assert config()["top_k"] == (5, "config file")
    assert config("-c", "c.json")["top_k"] == (6, "config file")


def test_a_file_that_the_folder_names_is_the_folders(config, tmp_path):
    write_files(tmp_path / "here", {".env": "KNOW_CONFIG_FILE=o.yaml\n", "o.yaml": "top_k: 5\n"})
    assert config()["top_k"] == (5, "knowledge.yaml")


def test_a_named_file_must_be_there(run):
    outcome = run("list-datasets", "-c", "nowhere.yaml", "--json")
    assert outcome.code == 2
    assert "nowhere.yaml" in outcome.json["error"]["message"]
    assert "--config-file" in outcome.json["error"]["hint"]


def test_a_file_can_not_name_another(run, tmp_path):
    write_files(
        tmp_path / "here", {"knowledge.yaml": "config_file: b.yaml\n", "b.yaml": "top_k: 5"}
    )
    outcome = run("config")
    assert "cannot name another" in outcome.err
    assert "top_k\t10\t" in outcome.out


PROFILE = """\
embeddings:
  providers:
    - name: desk
      type: openai
      config: {baseURL: "%s", apiKey: "${DESK_KEY}", model: nomic-embed-text}
"""


@pytest.fixture
def desk(monkeypatch, tmp_path):
    """A server that wants a key, and a profile for it in ``desk.yaml``."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("DESK_KEY", "sk-desk-0123456789")
    with OpenAIServer(key="sk-desk-0123456789") as server:
        write_files(tmp_path / "here", {"desk.yaml": PROFILE % server.base_url})
        yield server


def test_a_profile_from_ingest_to_retrieve(run, desk, corpus):
    named = ["-c", "desk.yaml", "--embedding-model-provider", "desk"]
    outcome = run("ingest", corpus, *named)
    assert outcome.code == 0, outcome.err
    assert "openai:nomic-embed-text" in outcome.err
    embedding = run("get-dataset", "default", "--json").json["dataset"]["embedding"]
    assert (embedding["provider"], embedding["model"]) == ("openai", "nomic-embed-text")
    hits = run("retrieve", "signing key", "-c", "desk.yaml", "--json").json["hits"]
    assert hits[0]["name"] == "keys.md"
    assert desk.texts["search_query: signing key"] == 1
    assert run("ingest", corpus, *named, "--json").json["files"]["unchanged"] == 5
    for request in desk.requests:
        assert request.headers["authorization"] == "Bearer sk-desk-0123456789"


def test_a_key_of_a_profile_is_never_shown(run, desk, corpus, data_dir):
    for key in ("sk-desk-0123456789", "sk-other-987654321"):
        desk.key = key
        outcome = run(
            "ingest",
            corpus,
            "-c",
            "desk.yaml",
            "--embedding-model-provider",
            "desk",
            "--debug",
            "--force",
            "--no-cache",
        )
        assert "sk-desk" not in outcome.out + outcome.err
    assert outcome.code == 5
    for path in data_dir.rglob("*"):
        assert not path.is_file() or b"sk-desk" not in path.read_bytes()


def test_the_profiles_on_the_page_of_settings_work(run, tmp_path, monkeypatch):
    import re

    from tests.conftest import ROOT

    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```text\n(embeddings:.*?)```", page, re.DOTALL)
    write_files(tmp_path / "here", {"knowledge.yaml": example})
    monkeypatch.setenv("COHERE_API_KEY", "k")
    listed = {item["name"]: item for item in run("models", "list", "--json").json["providers"]}
    assert listed["my-cohere"]["ready"] is listed["desk"]["ready"] is True


# eLLMental's names


def test_ellmentals_names_are_read(config, monkeypatch):
    monkeypatch.setenv("EMBEDDING_GENERATOR", "OPENAI")
    monkeypatch.setenv("BATCH_SIZE", "50")
    monkeypatch.setenv("OPENAI_TYPE", "azure")
    monkeypatch.setenv("OPENAI_MODEL", "text-embedding-3-small")
    found = config()
    assert found["embedding_model_provider"] == ("OPENAI", "environment")
    assert found["embedding_batch_size"] == (50, "environment")
    assert found["openai_api_type"] == ("AZURE", "environment")
    assert found["openai_embedding_model"] == ("text-embedding-3-small", "environment")
    monkeypatch.setenv("OPENAI_TYPE", "openai")
    assert config()["openai_api_type"] == ("OPEN_AI", "environment")


def test_names_that_others_use_count_only_where_ellmental_is_meant(config, monkeypatch):
    monkeypatch.setenv("BATCH_SIZE", "50")
    monkeypatch.setenv("OPENAI_TYPE", "azure")
    found = config()
    assert found["embedding_batch_size"][1] == found["openai_api_type"][1] == "default"


def test_the_older_name_of_openais_address_is_read(config, monkeypatch):
    monkeypatch.setenv("OPENAI_API_BASE", "http://127.0.0.1:9/v1")
    assert config()["openai_base_url"] == ("http://127.0.0.1:9/v1", "environment")


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("LITELLM_API_BASE", "KNOW_EMBEDDING_MODEL_PROVIDER"),
        ("LITELLM_CUSTOM_PROVIDER", "KNOW_EMBEDDING_MODEL_PROVIDER"),
        ("QDRANT_DENSE_MODEL", "KNOW_EMBEDDING_MODEL_PROVIDER"),
        ("QDRANT_SPARSE_MODEL", "KNOW_SPARSE_MODEL"),
        ("QDRANT_URL", "KNOW_VECTORS"),
        ("QDRANT_HOST", "KNOW_VECTORS"),
    ],
)
def test_a_model_chosen_in_anothers_words_is_not_ignored_in_silence(
    run, monkeypatch, name, setting
):
    monkeypatch.setenv(name, "ollama")
    assert f"{name} is not read: set " in run("list-datasets").err
    monkeypatch.setenv(setting, "" if setting == "KNOW_VECTORS" else "static")
    assert name not in run("list-datasets").err


@pytest.mark.parametrize("generator", ["OPENAI", "openai", "SPACES_TEXT", "spaces_instruct"])
def test_a_generator_is_a_provider_whatever_its_case(monkeypatch, tmp_path, generator):
    from knowledge.embeddings.registry import create_embedder, default_provider
    from knowledge.settings.reading import Settings

    environ = {"EMBEDDING_GENERATOR": generator, "SPACES_URL": "http://127.0.0.1:9"}
    settings = Settings.read(environ=environ, folder=tmp_path)
    embedder = create_embedder(default_provider(settings), settings=settings)
    assert embedder.spec.provider == generator.lower()


def test_openai_model_names_a_chat_model_unless_ellmental_is_meant(config, monkeypatch):
    monkeypatch.setenv("OPENAI_MODEL", "gpt-4")
    assert config()["openai_embedding_model"][1] == "default"
    monkeypatch.setenv("OPENAI_EMBEDDING_MODEL", "m")
    assert config()["openai_embedding_model"] == ("m", "environment")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("KNOW_EMBEDDING_MODEL_PROVIDER", "static"), ("EMBEDDING_GENERATOR", "OPENAI")),
        (("KNOW_EMBEDDING_BATCH_SIZE", "5"), ("BATCH_SIZE", "6")),
        (("OPENAI_API_TYPE", "OPEN_AI"), ("OPENAI_TYPE", "azure")),
        (("OPENAI_EMBEDDING_MODEL", "a"), ("OPENAI_MODEL", "b")),
    ],
)
def test_names_that_disagree_are_both_named(run, monkeypatch, one, other):
    monkeypatch.setenv("EMBEDDING_GENERATOR", "OPENAI")
    monkeypatch.setenv(*one)
    monkeypatch.setenv(*other)
    outcome = run("list-datasets", "--json")
    assert outcome.code == 2
    for name in (one[0], other[0]):
        assert name in outcome.json["error"]["message"]


def test_names_that_agree_in_other_words_do_not_disagree(config, monkeypatch):
    monkeypatch.setenv("EMBEDDING_GENERATOR", "OPENAI")
    monkeypatch.setenv("KNOW_EMBEDDING_MODEL_PROVIDER", "openai")
    monkeypatch.setenv("OPENAI_TYPE", "openai")
    monkeypatch.setenv("OPENAI_API_TYPE", "OPEN_AI")
    monkeypatch.setenv("BATCH_SIZE", "010")
    monkeypatch.setenv("KNOW_EMBEDDING_BATCH_SIZE", "10")
    assert config()["embedding_batch_size"] == (10, "environment")


def test_a_file_that_is_no_yaml_is_one_sentence_with_the_line(run, tmp_path):
    write_files(tmp_path / "here", {"knowledge.yaml": "top_k: 4\nembeddings: {providers: [\n"})
    outcome = run("list-datasets", "--json")
    error = outcome.json["error"]
    assert outcome.code == 2
    assert "knowledge.yaml:3: it is not valid YAML: expected the node" in error["message"]
    assert "\n" not in error["message"]
    assert error["hint"]


def test_what_embeddings_can_not_hold_is_told(run, tmp_path):
    write_files(tmp_path / "here", {"knowledge.yaml": "embeddings: {provider: static}\n"})
    outcome = run("embed", "a")
    assert outcome.code == 0
    assert "knowledge.yaml: 'embeddings.provider' is not a setting" in outcome.err
