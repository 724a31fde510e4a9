"""``knowledge config``: every setting, and where it came from."""

from __future__ import annotations

import os

import pytest

from knowledge.remote.retry import Backoff
from knowledge.settings.reading import TABLE
from tests.conftest import write_files
from tests.openai_server import OpenAIServer, refusal

SECRET = "sk-do-not-show-0123456789"


@pytest.fixture
def config(run):
    def read(*arguments):
        settings = run("config", *arguments, "--json").json["settings"]
        return {setting["name"]: (setting["value"], setting["origin"]) for setting in settings}

    return read


def test_every_setting_is_shown(run, config, data_dir):
    assert list(config()) == [setting.name for setting in TABLE]
    rows = [line.split("\t") for line in run("config").out.splitlines()]
    assert [row[0] for row in rows] == [setting.name for setting in TABLE]
    assert ["top_k", "10", "default", "KNOW_TOP_K"] in rows
    assert not data_dir.exists()


def test_where_a_value_came_from(config, monkeypatch, tmp_path):
    assert config()["top_k"] == (10, "default")
    write_files(tmp_path / "here", {"knowledge.yaml": "top_k: 4\n"})
    assert config()["top_k"] == (4, "knowledge.yaml")
    write_files(tmp_path / "here", {".env": "KNOW_TOP_K=5\n"})
    assert config()["top_k"] == (5, ".env")
    monkeypatch.setenv("KNOW_TOP_K", "6")
    assert config()["top_k"] == (6, "environment")
    assert config("--data-dir", "elsewhere")["data_dir"] == ("elsewhere", "flag")


def test_an_empty_variable_is_not_set(config, monkeypatch):
    monkeypatch.setenv("KNOW_TOP_K", "")
    assert config()["top_k"] == (10, "default")


def test_the_default_data_folder_is_shown(config, monkeypatch, tmp_path):
    monkeypatch.delenv("KNOW_DATA_DIR")
    value, origin = config()["data_dir"]
    assert origin == "default"
    assert value.startswith(str(tmp_path / "home"))


def test_nothing_above_the_working_directory_counts(config, monkeypatch, tmp_path):
    write_files(tmp_path / "here", {".env": "KNOW_TOP_K=5\n", "deep/x": ""})
    monkeypatch.chdir(tmp_path / "here/deep")
    assert config()["top_k"] == (10, "default")


def test_dotenv_lines_are_not_expanded(config, monkeypatch, tmp_path):
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    write_files(tmp_path / "here", {".env": 'KNOW_DATASET="${OPENAI_API_KEY}"\n'})
    assert config()["dataset"] == ("${OPENAI_API_KEY}", ".env")


def test_dotenv_does_not_change_the_environment(run, tmp_path):
    write_files(tmp_path / "here", {".env": "HTTPS_PROXY=http://proxy.example\nKNOW_TOP_K=5\n"})
    before = dict(os.environ)
    run("config")
    assert dict(os.environ) == before


def test_both_names_of_a_setting(run, config, monkeypatch):
    monkeypatch.setenv("VS_CHROMEM_EMBEDDING_PARALLEL_THREAD", "3")
    assert config()["embedding_threads"] == (3, "environment")
    monkeypatch.setenv("VS_EMBEDDING_PARALLEL_THREAD", "3")
    assert config()["embedding_threads"] == (3, "environment")
    monkeypatch.setenv("VS_EMBEDDING_PARALLEL_THREAD", "4")
    outcome = run("list-datasets", "--json")
    assert outcome.code == 2
    assert "VS_CHROMEM_EMBEDDING_PARALLEL_THREAD" in outcome.json["error"]["message"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("KNOW_TOP_K", "many"),
        ("KNOW_TOP_K", "0"),
        ("KNOW_TOP_K", "1.5"),
        ("KNOW_INGEST_PRUNE", "perhaps"),
        ("KNOW_LOCK_TIMEOUT", "-1"),
        ("KNOW_LOCK_TIMEOUT", "nan"),
        ("OPENAI_API_TYPE", "AMAZON"),
        ("VS_EMBEDDING_PARALLEL_THREAD", "0"),
    ],
)
def test_a_value_that_does_not_fit_names_its_variable(run, monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    for command in (["retrieve", "x"], ["list-datasets"]):
        outcome = run(*command, "--json")
        assert outcome.code == 2
        assert outcome.json["error"]["code"] == "usage"
        assert variable in outcome.json["error"]["message"]


@pytest.mark.parametrize(
    "content",
    [
        "top_k: [1]\n",
        "top_k: many\n",
        "top_k: 1.5\n",
        "top_k: true\n",
        "prune: 7\n",
        "dataset: [a]\n",
        "dataset: {a: b}\n",
        "- a\n",
        "just text\n",
        "a: b: c\n",
        "\tx",
    ],
)
def test_a_project_file_that_does_not_fit(run, tmp_path, content):
    write_files(tmp_path / "here", {"knowledge.yaml": content})
    outcome = run("list-datasets", "--json")
    assert outcome.code == 2
    assert "knowledge.yaml" in outcome.json["error"]["message"]


def test_a_list_of_extensions_is_understood_or_refused(run, config, tmp_path):
    write_files(tmp_path / "here", {"knowledge.yaml": "ignore_extensions: [.log, .tmp]\n"})
    outcome = run("list-datasets", "--json")
    if outcome.code != 2:
        assert config()["ignore_extensions"][0].replace(" ", "") == ".log,.tmp"


@pytest.mark.parametrize("content", ["", "# only a comment\n", "top_k:\n"])
def test_a_project_file_that_says_nothing(config, tmp_path, content):
    write_files(tmp_path / "here", {"knowledge.yaml": content})
    assert config()["top_k"] == (10, "default")


def test_a_name_that_is_no_setting_is_a_warning(run, tmp_path):
    write_files(tmp_path / "here", {"knowledge.yaml": "topk: 4\n"})
    outcome = run("config")
    assert outcome.code == 0
    assert "topk" in outcome.err
    assert run("config", "--quiet").err == ""


def test_a_dotenv_that_is_no_text(run, tmp_path):
    write_files(tmp_path / "here", {".env": b"KNOW_TOP_K=\xff\xfe\n"})
    outcome = run("list-datasets", "--json")
    assert outcome.code == 2
    assert ".env" in outcome.json["error"]["message"]


# Secrets


def test_a_key_is_masked(run, config, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    assert config()["openai_api_key"] == ("********", "environment")
    for flags in ([], ["--json"], ["--verbose"], ["--debug"]):
        outcome = run("config", *flags)
        assert SECRET not in outcome.out + outcome.err


def test_a_key_in_dotenv_is_masked(config, tmp_path):
    write_files(tmp_path / "here", {".env": f"OPENAI_API_KEY={SECRET}\n"})
    assert config()["openai_api_key"] == ("********", ".env")


@pytest.mark.parametrize(
    "user",
    [f"ana:{SECRET}", f":{SECRET}", f"ana:x@{SECRET}", f"ana:x:{SECRET}", SECRET],
    ids=["name and password", "password", "with an at sign", "with a colon", "token"],
)
def test_a_password_in_a_base_url_is_masked(run, monkeypatch, user):
    monkeypatch.setenv("OPENAI_BASE_URL", f"https://{user}@proxy.example/v1")
    for flags in ([], ["--json"]):
        outcome = run("config", *flags)
        assert outcome.code == 0
        assert SECRET not in outcome.out + outcome.err
        assert "proxy.example" in outcome.out


def test_a_key_in_the_project_file_is_refused_and_not_shown(run, tmp_path):
    write_files(tmp_path / "here", {"knowledge.yaml": f"openai_api_key: {SECRET}\n"})
    for flags in (["--json"], ["--debug"]):
        outcome = run("list-datasets", *flags)
        assert outcome.code == 2
        assert SECRET not in outcome.out + outcome.err
    assert "OPENAI_API_KEY" in run("list-datasets", "--json").json["error"]["hint"]


@pytest.fixture(params=["environment", ".env"])
def key(request, monkeypatch, tmp_path):
    """A key, from each place it may come from."""
    if request.param == ".env":
        write_files(tmp_path / "here", {".env": f"OPENAI_API_KEY={SECRET}\n"})
    else:
        monkeypatch.setenv("OPENAI_API_KEY", SECRET)


@pytest.fixture
def outputs(run, corpus, key, monkeypatch):
    """Run commands with each flag that says more; return the codes and all that they said."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("KNOW_EMBEDDING_RETRIES", "0")

    def gather(base_url):
        monkeypatch.setenv("OPENAI_BASE_URL", base_url)
        outcomes = [
            run(*command, *flags)
            for command in (
                ["ingest", corpus, "--force"],
                ["retrieve", "key"],
                ["get-dataset", "default"],
            )
            for flags in (["--verbose"], ["--json"], ["--debug"])
        ]
        return {outcome.code for outcome in outcomes}, "".join(o.out + o.err for o in outcomes)

    return gather


def test_a_key_is_in_no_output_and_no_file(outputs, data_dir):
    with OpenAIServer() as server:
        codes, said = outputs(server.base_url)
    assert codes == {0}
    assert SECRET not in said
    for path in data_dir.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


def test_a_key_is_not_shown_when_the_provider_fails(outputs, monkeypatch):
    monkeypatch.setattr(Backoff, "after", lambda self, tries: 0.001)
    monkeypatch.setenv("KNOW_EMBEDDING_CACHE", "false")
    with OpenAIServer() as server:
        outputs(server.base_url)
    codes, said = outputs(server.base_url)  # nobody listens there now
    assert codes == {0, 5}
    assert SECRET not in said
    refused = refusal(401, f"Incorrect API key provided: {SECRET}")
    with OpenAIServer(script=[refused] * 50) as server:
        codes, said = outputs(server.base_url)
    assert codes == {0, 5}
    assert "embedding-auth" in said
    assert SECRET not in said
