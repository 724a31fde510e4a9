"""The benchmark suite runs, on a small scale and without peers."""

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cold_retrieve", "ingest_latency"])
def test_a_benchmark_writes_its_results(tmp_path, name):
    command = [sys.executable, "-m", "benchmarks", name, "--small", "--output", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / f"{name}.json").read_text())
    assert result["rows"]
    assert result["verdict"]
    assert {"date", "machine", "python", "chromadb"} <= result["surroundings"].keys()
    assert (tmp_path / f"{name}.md").read_text().startswith(f"# {name}\n")
    assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_an_unknown_benchmark_is_refused():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "speed"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 2
    assert "invalid choice" in done.stderr
