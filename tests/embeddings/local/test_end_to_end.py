"""Local models through the command line."""

from __future__ import annotations

import pytest

from tests.conftest import write_files
from tests.embeddings.local.models import write_transformer

PROVIDER = "--embedding-model-provider"
MEAN = {"pooling_mode_mean_tokens": True}
FILES = {
    "keys.md": "the signing key is rotated every ninety days",
    "sea.md": "whales sing songs in cold water",
}


@pytest.fixture
def docs(tmp_path):
    folder = tmp_path / "here" / "docs"
    write_files(folder, FILES)
    return folder


@pytest.fixture
def model(tmp_path):
    return write_transformer(tmp_path / "here" / "model", pooling=MEAN, dimensions=64)


def test_a_relative_folder_serves_from_anywhere_afterwards(run, docs, model, monkeypatch, tmp_path):
    made = run("ingest", "docs", PROVIDER, "onnx:./model", "--json")
    assert made.code == 0, made.err
    assert made.json["embedded"] == 2
    monkeypatch.chdir(tmp_path)
    found = run("retrieve", "whales sing", "--mode", "dense", "-k", "1", "--json")
    assert found.json["hits"][0]["file"].endswith("sea.md")
    again = run("ingest", docs, "--json")
    assert again.code == 0
    assert again.json["embedded"] == 0
    same = run("ingest", docs, PROVIDER, f"onnx:{model}")
    assert same.code == 0


def test_another_model_at_its_place_is_exit_code_8(run, docs, model):
    assert run("ingest", "docs", PROVIDER, "onnx:./model").code == 0
    write_transformer(model, pooling=MEAN, dimensions=64, seed=8)
    for words in (["retrieve", "whales", "--mode", "dense"], ["ingest", docs]):
        refused = run(*words)
        assert refused.code == 8, words
        assert "not those that the dataset was embedded with" in refused.err


def test_a_model_that_is_gone_is_exit_code_2_and_its_dataset_stays(run, docs, model):
    assert run("ingest", "docs", PROVIDER, "onnx:./model").code == 0
    model.rename(model.with_name("moved"))
    refused = run("retrieve", "whales", "--mode", "dense", "--json")
    assert refused.code == 2
    assert str(model) in refused.json["error"]["message"]
    model.with_name("moved").rename(model)
    assert run("retrieve", "whales", "--mode", "dense").code == 0


def test_a_damaged_model_is_exit_code_5_and_makes_no_dataset(run, docs, model):
    (model / "model.onnx").write_bytes(b"\xff" * 64)
    failed = run("ingest", "docs", PROVIDER, "onnx:./model", "--json")
    assert failed.code == 5
    assert "can't load the model onnx:" in failed.out + failed.err


@pytest.mark.parametrize("provider", ["langchain", "llama-index"])
def test_a_folder_can_not_have_a_class_loaded(run, docs, tmp_path, provider):
    marker = tmp_path / "here" / "loaded"
    (tmp_path / "here" / "evil.py").write_text(f"open({str(marker)!r}, 'w')\n")
    line = f"KNOW_EMBEDDING_MODEL_PROVIDER={provider}:evil.Class\n"
    (tmp_path / "here" / ".env").write_text(line)
    refused = run("ingest", "docs", "--json")
    assert refused.code == 2
    assert refused.json["error"]["code"] == "untrusted-endpoint"
    assert not marker.exists()


def test_a_profile_of_a_folder_can_not_either(run, docs, tmp_path):
    (tmp_path / "here" / "knowledge.yaml").write_text(
        "embeddings:\n  providers:\n    - name: mine\n      type: langchain:evil.Class\n"
    )
    refused = run("ingest", "docs", PROVIDER, "mine", "--json")
    assert refused.code == 2
    assert refused.json["error"]["code"] == "untrusted-endpoint"


def test_the_probe_finds_a_model_that_knows_none_of_its_words(run, model):
    probed = run("models", "test", "onnx:./model", "--json")
    assert probed.code == 5
    assert "different texts have the same vector" in probed.out
    assert probed.json["dimensions"] == 64


def test_a_profile_may_say_how_a_local_model_is_run(run, docs, model, tmp_path):
    (tmp_path / "here" / "knowledge.yaml").write_text(
        "embeddings:\n  providers:\n    - name: mine\n      type: onnx:./model\n"
        "      config:\n        providers: NoSuchExecutionProvider\n"
    )
    failed = run("ingest", "docs", PROVIDER, "mine", "--json")
    assert (failed.code, failed.json["error"]["code"]) == (2, "untrusted-endpoint")
    run("trust", "--yes")
    failed = run("ingest", "docs", PROVIDER, "mine", "--json")
    assert failed.code == 5
    assert "'NoSuchExecutionProvider'" in failed.out
