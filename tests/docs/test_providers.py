"""docs/providers.md names settings that exist, with their defaults, and examples that work."""

from __future__ import annotations

import re
import shlex

import pytest

from knowledge.embeddings.provider import BUILT_IN, NOWHERE
from knowledge.embeddings.registry import create_embedder, default_provider
from knowledge.settings.reading import BY_NAME, TABLE, Settings
from tests.conftest import ROOT
from tests.docs.settings_page import EXAMPLE

HOSTED_RECORDS = {name: one for name, one in BUILT_IN.items() if one.reach is not NOWHERE}
PAGE = (ROOT / "docs" / "providers.md").read_text(encoding="utf-8")
HOSTED = PAGE.partition("## Services and servers")[2].partition("## Local models")[0]
SETTINGS = {variable: setting for setting in TABLE for variable in setting.variables}
VARIABLE = re.compile(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)[`=]")
ROWS = re.findall(r"^\| (`[a-z_`, ]+`) \| (.*?) \| (.*?) ?\|$", HOSTED, re.MULTILINE)
EXAMPLES = [
    block for block in re.findall(r"```bash\n(.*?)```", HOSTED, re.DOTALL) if "ingest" in block
]
VALUES = {"TIKTOKEN_CACHE_DIR", "OPEN_AI", "AZURE_AD", "RETRIEVAL_DOCUMENT", "RETRIEVAL_QUERY"}
"""What looks like a variable on the page and is a value."""


def test_every_variable_is_a_setting_and_in_the_example():
    example = EXAMPLE.read_text(encoding="utf-8")
    named = set(VARIABLE.findall(PAGE)) - VALUES
    assert len(named) > 40
    for variable in named:
        assert variable in SETTINGS, variable
        assert variable in example, variable


def test_a_row_names_what_its_provider_needs():
    for names, variables, extra in ROWS:
        for name in re.findall(r"`([a-z_]+)`", names):
            record = HOSTED_RECORDS[name]
            named = set(VARIABLE.findall(f"{variables} ")) - VALUES
            for setting in (*record.reach.endpoints, *record.reach.keys):
                assert set(BY_NAME[setting].variables) <= named, (name, setting)
            assert all(SETTINGS[variable].name in record.profile_settings for variable in named)
            assert re.findall(r"`(\w+)`", extra) == ([record.extra] if record.extra else [])


def test_the_defaults_are_those_of_the_code():
    given = re.findall(r"`([A-Z_]+)` \(`([^`]+)`\)", HOSTED)
    assert len(given) > 25
    for variable, default in given:
        assert SETTINGS[variable].shown_default == default, variable


def test_every_hosted_provider_has_a_row():
    named = {name for names, _, _ in ROWS for name in re.findall(r"`([a-z_]+)`", names)}
    assert named | {"spaces"} == set(HOSTED_RECORDS)


def test_every_row_has_a_model_that_is_the_codes(tmp_path):
    for names, variables, _ in ROWS:
        name = re.findall(r"`([a-z_]+)`", names)[0]
        model = re.search(r"`[A-Z_]*MODEL` \(`([^`]+)`\)", variables)
        if model is not None:
            environ = {"OPENAI_BASE_URL": "http://localhost"}
            settings = Settings.read(environ=environ, folder=tmp_path)
            assert create_embedder(name, settings=settings).spec.model == model[1]


def test_every_extra_is_one_of_the_package():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {extra for _, _, cell in ROWS for extra in re.findall(r"`(\w+)`", cell)}
    assert named == {"azure", "vertex"}
    assert named <= set(project["optional-dependencies"])


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_leads_to_its_provider(example, tmp_path):
    environ = {
        name: shlex.split(value)[0].rstrip(".")
        for name, value in re.findall(r"^export (\w+)=(.*)$", example, re.MULTILINE)
    }
    assert environ.keys() <= SETTINGS.keys()
    (command,) = re.findall(r"^(knowledge .*)$", example, re.MULTILINE)
    words = shlex.split(command)
    flag = "--embedding-model-provider"
    given = {"embedding_model_provider": words[words.index(flag) + 1]} if flag in words else {}
    settings = Settings.read(environ=environ, folder=tmp_path, **given)
    provider = default_provider(settings)
    embedder = create_embedder(provider, settings=settings)
    assert embedder.endpoint.startswith("http")
    assert provider.lower().startswith(embedder.spec.provider)


def test_every_provider_has_an_example():
    assert len(EXAMPLES) == len(ROWS) + 4
