"""The command that installs an extra keeps those that are installed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from knowledge import extras

PACKAGES = {
    "ocr": ("rapidocr", "pillow"),
    "azure": ("azure-identity",),
    "azure-storage": ("adlfs", "azure-identity"),
    "fastembed": ("fastembed",),
    "sparse": ("fastembed",),
    "ray": ("ray",),
    "test": ("pytest",),
}


@pytest.fixture
def installed(monkeypatch):
    """Say which packages are there; ``pytest`` always is."""
    there = {"pytest"}
    monkeypatch.setattr(extras, "_packages", lambda: PACKAGES)
    monkeypatch.setattr(extras, "_is_there", there.__contains__)
    monkeypatch.setattr(extras, "_origin", lambda: "")
    monkeypatch.setattr(extras, "_pip", lambda: "pip")
    return there


def test_a_command_names_what_is_installed_too(installed):
    assert extras.install_command("ocr") == "pip install 'knowledge[ocr]'"
    assert extras.upgrade_command() == "pip install --upgrade knowledge"
    installed.update(("ray", "adlfs", "azure-identity", "rapidocr"))
    assert extras.install_command("ocr") == "pip install 'knowledge[ocr,azure-storage,ray]'"
    assert extras.upgrade_command() == "pip install --upgrade 'knowledge[azure-storage,ray]'"
    installed.add("fastembed")
    wanted = "pip install 'knowledge[sparse,azure-storage,ray]' 'x[onnx]'"
    assert extras.install_command("sparse", "x[onnx]") == wanted


@pytest.mark.parametrize(
    ("said", "origin"),
    [
        ({"url": "file:///gone/away", "dir_info": {}}, ""),
        ({"url": "file:///", "dir_info": {}}, " @ file:///"),
        (
            {"url": "https://h/r", "vcs_info": {"vcs": "git", "requested_revision": "v1"}},
            " @ git+https://h/r@v1",
        ),
        ({"url": "https://h/k.whl", "archive_info": {}}, " @ https://h/k.whl"),
        (None, ""),
    ],
)
def test_it_comes_from_where_the_package_came_from(monkeypatch, installed, said, origin):
    text = None if said is None else json.dumps(said)
    monkeypatch.undo()
    monkeypatch.setattr(extras, "_packages", dict)
    monkeypatch.setattr(extras, "_pip", lambda: "pip")
    distribution = SimpleNamespace(read_text=lambda name: text)
    monkeypatch.setattr(metadata, "distribution", lambda name: distribution)
    extras._origin.cache_clear()
    try:
        assert extras.install_command("ocr") == f"pip install 'knowledge[ocr]{origin}'"
    finally:
        extras._origin.cache_clear()


def test_it_is_the_pip_of_this_environment(monkeypatch, tmp_path):
    bin_ = tmp_path / "a b" / "bin"
    monkeypatch.setattr(sys, "executable", str(bin_ / "python"))
    assert extras._pip() == f"'{bin_}/python' -m pip"
    bin_.mkdir(parents=True)
    (bin_ / "pip").touch(mode=0o755)
    assert extras._pip() == f"'{bin_}/pip'"
    monkeypatch.chdir(tmp_path)
    assert extras._pip() == "'a b/bin/pip'"
    monkeypatch.setenv("PATH", str(bin_))
    assert extras._pip() == "pip"


def test_an_extra_is_installed_when_all_its_packages_are(installed):
    installed.add("rapidocr")
    assert not extras.is_installed("ocr")
    installed.add("pillow")
    assert extras.is_installed("ocr")
    assert not extras.is_installed("no-such-extra")


def test_every_extra_is_read_from_the_metadata():
    packages = extras._packages()
    assert packages["ocr"] == ("onnxruntime", "pillow", "rapidocr")
    assert packages["vertex"] == ("google-auth",)


def test_no_hint_names_an_extra_by_itself():
    root = Path(extras.__file__).parent
    for path in root.rglob("*.py"):
        if path.name != "extras.py":
            assert not re.search(r"knowledge\[\w", path.read_text(encoding="utf-8")), path


def test_errors_cost_no_import_of_it():
    code = "import sys, knowledge.errors; print('knowledge.extras' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
