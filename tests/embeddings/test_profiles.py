"""Profiles of the settings file: named, selected, trusted no more than the file is."""

from __future__ import annotations

import pytest

from knowledge.embeddings.choice import choose, recorded
from knowledge.embeddings.profiles import resolve
from knowledge.embeddings.registry import create_embedder
from knowledge.errors import RemoteAuthError, UntrustedEndpointError, UsageError
from knowledge.model import Dataset, EmbedderSpec
from knowledge.settings.reading import Origin, Settings
from tests.openai_server import OpenAIServer

DESK = """\
embeddings:
  providers:
    - name: Desk
      type: openai
      config:
        baseURL: http://127.0.0.1:1234/v1
        apiKey: ${DESK_KEY}
        model: nomic-embed-text
        rpm: 60
        azure: {deployment: d}
"""


@pytest.fixture
def read(tmp_path):
    def call(content, dotenv="", *, flags=None, **environ):
        (tmp_path / "knowledge.yaml").write_text(content, encoding="utf-8")
        (tmp_path / ".env").write_text(dotenv, encoding="utf-8")
        return Settings.read(environ=environ, folder=tmp_path, **(flags or {}))

    return call


def one(kind="openai", **config):
    lines = "".join(f"\n        {name}: {value}" for name, value in config.items())
    head = f"embeddings:\n  providers:\n    - name: p\n      type: {kind}\n      config:"
    return head + (lines or " {}")


def test_a_profile_brings_its_settings(read):
    there = resolve("desk", read(DESK, DESK_KEY="sk-desk"))
    assert (there.provider, there.model) == ("openai", None)
    settings = there.settings
    assert settings["openai_base_url"] == "http://127.0.0.1:1234/v1"
    assert settings.origin("openai_base_url") is Origin.PROJECT_FILE
    assert settings["openai_api_key"] == "sk-desk"
    assert settings["openai_embedding_model"] == "nomic-embed-text"
    assert settings["openai_azure_deployment"] == "d"
    assert settings["embedding_rpm"] == 60


def test_a_profile_is_named_wherever_a_provider_is(read):
    settings = read(DESK, DESK_KEY="sk-desk")
    embedder = create_embedder("DESK", settings=settings)
    assert (embedder.spec.provider, embedder.spec.model) == ("openai", "nomic-embed-text")
    assert embedder.endpoint == "http://127.0.0.1:1234/v1"
    assert create_embedder("desk:other", settings=settings).spec.model == "other"
    with pytest.raises(UsageError, match="no embedding provider 'nobody'"):
        create_embedder("nobody", settings=settings)


def test_a_profile_may_have_the_name_of_its_provider(read):
    settings = read(one(model="m").replace("name: p", "name: openai"))
    assert create_embedder("openai", settings=settings).spec.model == "m"


@pytest.mark.parametrize(
    "key", ["openai_embedding_model", "OPENAI_EMBEDDING_MODEL", "embeddingModel"]
)
def test_settings_have_several_names(read, key):
    assert resolve("p", read(one(**{key: "m"}))).settings["openai_embedding_model"] == "m"


@pytest.mark.parametrize(
    ("kind", "key", "setting"),
    [
        ("cohere", "apiKey", "cohere_api_key"),
        ("cohere", "model", "cohere_model"),
        ("ollama", "baseURL", "ollama_base_url"),
        ("jina", "api_key", "jina_api_key"),
        ("spaces_text", "url", "spaces_url"),
    ],
)
def test_short_names_are_those_of_each_provider(read, kind, key, setting):
    settings = read(one(kind, **{key: "${GIVEN}"}), "GIVEN=http://127.0.0.1:9\n")
    assert resolve("p", settings).settings[setting] == "http://127.0.0.1:9"


def test_an_unknown_name_is_an_error_that_lists_the_known(read):
    with pytest.raises(UsageError, match="'colour' of profile 'p' is not a setting") as caught:
        resolve("p", read(one(colour="red")))
    assert "openai_base_url" in caught.value.hint


def test_what_stands_above_the_file_wins_and_is_named(read):
    there = resolve("p", read(one(model="m"), OPENAI_EMBEDDING_MODEL="n"))
    assert there.settings["openai_embedding_model"] == "n"
    assert there.notes == (
        "OPENAI_EMBEDDING_MODEL of the environment wins over model of profile 'p'",
    )
    assert resolve("p", read(one(model="m"))).notes == ()


def test_it_wins_over_the_other_settings_of_its_file(read):
    settings = read(one(model="m") + "\nopenai_embedding_model: n\n")
    assert settings["openai_embedding_model"] == "n"
    assert resolve("p", settings).settings["openai_embedding_model"] == "m"


def test_a_variable_may_come_from_dotenv_but_must_be_there(read):
    settings = read(one(apiKey="${K}"), "K=sk-dotenv\n")
    assert resolve("p", settings).settings["openai_api_key"] == "sk-dotenv"
    with pytest.raises(UsageError, match="needs the variable K") as caught:
        resolve("p", read(one(apiKey="${K}")))
    assert "K" in caught.value.hint


@pytest.mark.parametrize("value", ["sk-literal", "sk-${K}", "${K}-x"])
def test_a_literal_secret_is_refused_and_not_shown(read, value):
    with pytest.raises(UsageError, match=r"holds the secret 'apiKey' of profile 'p'") as caught:
        read(one(apiKey=value), K="1")
    assert "sk-" not in str(caught.value) + caught.value.hint


@pytest.mark.parametrize(
    "content",
    [
        "embeddings: [1]",
        "embeddings: {providers: {a: b}}",
        "embeddings: {providers: [text]}",
        "embeddings: {providers: [{type: openai}]}",
        "embeddings: {providers: [{name: a}]}",
        "embeddings: {providers: [{name: 'a:b', type: openai}]}",
        "embeddings: {providers: [{name: a, type: openai, config: [1]}]}",
        "embeddings: {providers: [{name: a, type: openai}, {name: A, type: openai}]}",
    ],
)
def test_another_shape_is_an_error_that_names_the_file(read, content):
    with pytest.raises(UsageError, match=r"knowledge\.yaml"):
        read(content)


@pytest.mark.parametrize("content", ["embeddings:", "embeddings: {}", "embeddings: {providers: }"])
def test_an_empty_section_says_nothing(read, content):
    settings = read(content)
    assert settings.profiles == {}
    assert settings.warnings == ()


# Trust


def test_a_key_does_not_go_where_the_folder_says(read, monkeypatch, tmp_path):
    content = one(baseURL="https://collector.example/v1", apiKey="${OPENAI_API_KEY}")
    flags = {"embedding_model_provider": "p"}
    with pytest.raises(UntrustedEndpointError, match=r"collector\.example"):
        choose(None, read(content, OPENAI_API_KEY="sk-mine", flags=flags))
    trusted = {**flags, "trust_project": True}
    assert choose(None, read(content, OPENAI_API_KEY="sk-mine", flags=trusted)).embedder


@pytest.mark.parametrize("key", ["model", "baseURL"])
def test_no_variable_of_the_environment_is_put_anywhere_else(read, key):
    """``model: ${SECRET}`` with a base URL of the stranger's would send it there."""
    content = one(**{key: "http://127.0.0.1/${AWS_SECRET}"})
    with pytest.raises(UntrustedEndpointError, match="AWS_SECRET") as caught:
        resolve("p", read(content, AWS_SECRET="hidden"))
    assert "hidden" not in str(caught.value)
    there = resolve("p", read(content, AWS_SECRET="shown", flags={"trust_project": True}))
    assert "http://127.0.0.1/shown" in {value.value for value in there.settings.values.values()}
    assert resolve("p", read(content, "AWS_SECRET=own\n"))


def test_code_that_a_profile_of_the_folder_names_is_not_loaded(read, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'loaded')!r}, 'w').close()")
    settings = read(one("python:evil:Embedder"), flags={"embedding_model_provider": "p"})
    with pytest.raises(UntrustedEndpointError):
        choose(None, settings)
    with pytest.raises(UntrustedEndpointError):
        recorded(dataset(EmbedderSpec("python:evil:Embedder", "m", 8)), settings)
    assert not (tmp_path / "loaded").exists()


# The dataset's own model


def dataset(spec):
    return Dataset("d", "d-1", 1, 1, 1, 1, spec, None, {}, None, None)


TWO = """\
embeddings:
  providers:
    - {name: one, type: openai, config: {baseURL: "http://127.0.0.1:1/v1", model: a}}
    - {name: two, type: openai, config: {baseURL: "http://127.0.0.1:2/v1", model: b}}
    - {name: keyed, type: openai, config: {apiKey: "${NOWHERE}", model: c}}
"""


@pytest.mark.parametrize(
    ("model", "endpoint"),
    [
        ("a", "http://127.0.0.1:1/v1"),
        ("b", "http://127.0.0.1:2/v1"),
        ("c", "https://api.openai.com/v1"),
    ],
)
def test_the_profile_that_leads_to_a_datasets_model_is_used_again(read, model, endpoint):
    choice = recorded(dataset(EmbedderSpec("openai", model, 8)), read(TWO))
    assert choice.embedder.endpoint == endpoint
    assert choice.embedder.spec == EmbedderSpec("openai", model, 8)


def test_a_dataset_knows_the_model_and_not_the_profile(read):
    own = dataset(EmbedderSpec("openai", "b", 8))
    chosen = choose(own, read(TWO, flags={"embedding_model_provider": "two"}))
    assert chosen.embedder.endpoint == "http://127.0.0.1:2/v1"
    by_model = choose(own, read(TWO, flags={"embedding_model_provider": "one:b"}))
    assert by_model.embedder.endpoint == "http://127.0.0.1:1/v1"


def test_a_name_that_is_no_provider_s_lists_profiles_too(read):
    with pytest.raises(UsageError, match="no embedding provider 'dest'") as caught:
        create_embedder("dest", settings=read(DESK, DESK_KEY="k"))
    assert caught.value.hint.startswith("Choose one of desk, static")


def test_a_type_that_is_no_provider_names_the_profile(read):
    settings = read(one("olama", model="m"))
    with pytest.raises(UsageError, match=r"'olama', the type of profile 'p' in knowledge\.yaml"):
        create_embedder("p", settings=settings)


@pytest.mark.parametrize("kind", ["openai", "mistral", "cohere"])
def test_a_refused_key_of_a_profile_is_named_as_it_was_set(read, kind, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with OpenAIServer(key="sk-right") as server:
        settings = read(one(kind, base_url=server.base_url, apiKey="${MINE}"), MINE="sk-wrong")
        embedder = create_embedder("p", settings=settings)
        with pytest.raises(RemoteAuthError) as caught:
            embedder.embed_query("a")
        embedder.close()
    assert caught.value.hint == "Check what apiKey stands for."


@pytest.mark.parametrize(
    ("kind", "key"), [("openai", "baseURL"), ("azure", "endpoint"), ("mistral", "base_url")]
)
def test_hints_name_what_was_set(read, kind, key):
    settings = read(one(kind, **{key: "nonsense"}))
    with pytest.raises(
        UsageError, match=rf"^{key} in knowledge\.yaml is not an http:// or https://"
    ):
        create_embedder("p", settings=settings)
