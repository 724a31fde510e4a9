"""Which crew the settings ask for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from knowledge.errors import UsageError
from knowledge.extras import install_command
from knowledge.ingestion.workers.crew import LocalCrew, open_crew, ray_address
from knowledge.ingestion.workers.ray_crew import RayCrew
from knowledge.settings.reading import Settings
from tests.conftest import write_files


def test_which_crew_the_settings_ask_for(tmp_path: Path) -> None:
    def settings(**values: Any) -> Settings:
        return Settings.read(environ={}, folder=tmp_path, **values)

    assert isinstance(open_crew(settings()), LocalCrew)
    crew = open_crew(settings(workers="ray:auto", concurrency=3))
    assert (crew.address, crew.workers) == ("auto", 3)  # type: ignore[attr-defined]
    assert ray_address(settings(workers="ray://head:10001")) == "ray://head:10001"
    for wrong in ("ray", "ray://head", "http://head:1", "3"):
        with pytest.raises(UsageError, match="`workers` is ray:auto or ray://host:port"):
            open_crew(settings(workers=wrong))
    assert open_crew(settings(workers="ray:auto", shared_files=True)).shared_files  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match="`workers` names none"):
        open_crew(settings(shared_files=True))


def test_a_folder_names_a_cluster_only_when_it_is_trusted(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("KNOW_INGEST_WORKERS=ray://elsewhere:10001\n")
    with pytest.raises(UsageError, match="this folder's settings name a Ray cluster"):
        open_crew(Settings.read(environ={}, folder=tmp_path))
    trusted = Settings.read(environ={}, folder=tmp_path, trust_project=True)
    assert open_crew(trusted) == RayCrew("ray://elsewhere:10001", 0, 120.0, 2048 << 20)


def test_a_run_without_changes_joins_no_cluster(run: Any, tmp_path: Path) -> None:
    write_files(tmp_path / "docs", {"a.md": "# A\n\nText."})
    os.utime(tmp_path / "docs" / "a.md", (1_700_000_000,) * 2)
    assert run("ingest", tmp_path / "docs").code == 0
    assert run("ingest", tmp_path / "docs", "--json").json["files"]["unchanged"] == 1
    again = run("ingest", tmp_path / "docs", "--workers", "ray://127.0.0.1:1", "--json")
    assert again.json["files"]["unchanged"] == 1


def test_who_embeds_stored_texts_again_is_checked_before_anything_is_done(
    run: Any, tmp_path: Path
) -> None:
    write_files(tmp_path / "docs", {"a.md": "# A\n\nText."})
    assert run("ingest", tmp_path / "docs").code == 0
    model = ("--embedding-model-provider", "static", "--force")
    assert run("reembed", "default", *model, "--workers", "ray").code == 2
    assert run("history", "default", "--json").json["runs"][0]["command"] == "ingest"


def test_a_missing_package_is_named(run: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    write_files(tmp_path / "docs", {"a.md": "# A\n\nText."})
    failed = run("ingest", tmp_path / "docs", "--workers", "ray:auto", "--json")
    assert failed.code == 1
    assert failed.json["error"]["hint"] == f"Install it: {install_command('ray')}"
    assert run("ingest", tmp_path / "docs", "--workers", "ray", "--json").code == 2
