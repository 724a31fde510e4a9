"""A provider that another package registers is used as the built-in ones are."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT, write_files
from tests.openai_server import OpenAIServer

KEY = "acme-key-do-not-show-0123456789"
EVIL = "https://collector.example/v1"
PAGE = (ROOT / "docs" / "providers.md").read_text(encoding="utf-8")
CODE = re.search(r"```py\n(.*?)```", PAGE, re.DOTALL)[1]
ENTRY = re.search(r"```ini\n(.*?)```", PAGE, re.DOTALL)[1]


@pytest.fixture
def home(tmp_path):
    """The page's package, as pip leaves it behind, and a folder to work in."""
    info = "packages/acme_embeddings-1.0.dist-info"
    write_files(
        tmp_path,
        {
            "packages/acme_embeddings.py": CODE,
            f"{info}/METADATA": "Metadata-Version: 2.1\nName: acme-embeddings\nVersion: 1.0\n",
            f"{info}/entry_points.txt": ENTRY,
            "here/docs/keys.md": "The signing key rotates every ninety days.",
        },
    )
    return tmp_path


@pytest.fixture
def run(home):
    def call(*arguments, files=(), **variables):
        write_files(home / "here", dict(files))
        return subprocess.run(
            [sys.executable, "-m", "knowledge", *arguments],
            cwd=home / "here",
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(home),
                "PYTHONPATH": f"{home / 'packages'}{os.pathsep}{ROOT}",
                "KNOW_DATA_DIR": str(home / "data"),
                **variables,
            },
            capture_output=True,
            text=True,
            check=False,
        )

    return call


def record(run, command, name, key, **options):
    content = json.loads(run(*command, "--json", **options).stdout)
    return next(one for one in content[key] if one["name"] == name)


@pytest.mark.slow
def test_it_is_listed_with_what_it_needs(run):
    acme = record(run, ("models", "list"), "acme", "providers")
    assert (acme["kind"], acme["runs_on"], acme["ready"]) == ("installed", "a service", False)
    assert acme["requires"] == [{"variables": ["ACME_API_KEY"], "is_set": False}]
    assert record(run, ("models", "list"), "acme", "providers", ACME_API_KEY=KEY)["ready"]


def test_the_shell_completes_it(run):
    line = "knowledge ingest --embedding-model-provider ac"
    out = run(_KNOWLEDGE_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD="3").stdout
    assert "acme" in out.split()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "variables", "origin"),
    [
        ({}, {"ACME_MODEL": "two"}, "environment"),
        ({".env": "ACME_MODEL=two\n"}, {}, ".env"),
        ({"knowledge.yaml": "acme_model: two\n"}, {}, "knowledge.yaml"),
    ],
)
def test_its_settings_are_read_from_everywhere(run, files, variables, origin):
    row = record(run, ("config",), "acme_model", "settings", files=files, **variables)
    assert (row["value"], row["origin"]) == ("two", origin)
    assert "is not a setting" not in run("config", files=files, **variables).stderr


@pytest.mark.slow
def test_its_key_is_masked_and_may_not_stand_in_a_file(run):
    assert (
        record(run, ("config",), "acme_api_key", "settings", ACME_API_KEY=KEY)["value"] == "*" * 8
    )
    for command, code in (("config", 0), ("list-datasets", 2)):
        out = run(command, files={"knowledge.yaml": f"acme_api_key: {KEY}\n"})
        assert out.returncode == code
        assert "holds the secret" in out.stderr
        assert KEY not in out.stderr + out.stdout


PROFILE = """\
embeddings:
  providers:
    - name: mine
      type: acme
      config: {baseURL: "%s", apiKey: "${ACME_API_KEY}", model: three}
"""


@pytest.mark.slow
@pytest.mark.parametrize(("provider", "model"), [("acme", "acme-1"), ("mine", "three")])
def test_it_embeds_and_is_found_by_what_the_dataset_recorded(run, home, provider, model):
    with OpenAIServer() as server:
        files = {"knowledge.yaml": PROFILE % server.base_url} if provider == "mine" else {}
        there = {"ACME_BASE_URL": server.base_url} if provider == "acme" else {}
        asked = ("--embedding-model-provider", provider)
        out = run("ingest", "docs", *asked, files=files, ACME_API_KEY=KEY, **there)
        assert out.returncode == 0, out.stderr
        out = run("retrieve", "signing key", "--json", ACME_API_KEY=KEY, **there)
        assert "rotates" in out.stdout, out.stderr
        assert {request.body["model"] for request in server.requests} == {model}
        keys = {request.headers.get("authorization") for request in server.requests}
        assert keys == {f"Bearer {KEY}"}


def test_a_folder_may_not_name_where_the_key_goes(run):
    files = {"knowledge.yaml": f"acme_base_url: {EVIL}\n"}
    asked = ("ingest", "docs", "--embedding-model-provider", "acme")
    out = run(*asked, files=files, ACME_API_KEY=KEY)
    assert out.returncode == 2
    assert "untrusted-endpoint" in out.stderr
    assert "collector.example" in out.stderr
    assert KEY not in out.stderr


@pytest.mark.slow
def test_a_package_in_the_working_directory_is_not_imported(run, home):
    info = "evil-1.0.dist-info"
    files = {
        "evil.py": f"open({str(home / 'ran')!r}, 'w')\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n",
        f"{info}/entry_points.txt": "[knowledge.embedders]\nevil = evil:provider\n",
        "knowledge.yaml": "no_such_setting: 1\n",
    }
    assert "no_such_setting is not a setting" in run("config", files=files).stderr.replace("'", "")
    assert run("ingest", "docs", "--embedding-model-provider", "evil").returncode == 2
    assert not (home / "ran").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise RuntimeError('no licence')", "no licence"),
        ("provider = object()", "brings no record"),
        (CODE.replace('name="acme"', 'name="other"'), "calls itself 'other'"),
        (CODE.replace('keys=("acme_api_key",)', 'keys=("acme_kye",)'), "acme_kye"),
    ],
)
def test_a_record_that_can_not_be_used_is_reported(run, home, code, said):
    write_files(home / "packages", {"acme_embeddings.py": code})
    assert said in record(run, ("models", "list"), "acme", "providers")["problem"]
    out = run("ingest", "docs", "--embedding-model-provider", "acme")
    assert out.returncode == 2
    assert said in out.stderr


@pytest.mark.slow
def test_a_command_that_needs_no_provider_imports_none(run, home):
    marker = home / "imported"
    code = f"open({str(marker)!r}, 'w')\n{CODE}"
    write_files(home / "packages", {"acme_embeddings.py": code})
    out = run("ingest", "docs", OMP_NUM_THREADS="1")
    assert out.returncode == 0, out.stderr
    assert run("retrieve", "signing key").returncode == 0
    assert not marker.exists()
