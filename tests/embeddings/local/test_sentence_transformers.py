from __future__ import annotations

import threading
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from knowledge.embeddings.local import sentence_transformers as provider
from knowledge.embeddings.local.onnx_session import pool
from knowledge.embeddings.local.transformer_files import POOLINGS, read_transformer_files
from knowledge.embeddings.registry import embedder_for
from knowledge.errors import (
    ModelMismatchError,
    RemoteError,
    RemoteInputTooLongError,
    UntrustedEndpointError,
    UsageError,
)
from knowledge.settings.reading import Settings
from tests.embeddings.fakes import new_pool
from tests.embeddings.local.models import TEXTS, VOCABULARY, tokenizer, write_json

needs_library = pytest.mark.skipif(
    find_spec("sentence_transformers") is None, reason="sentence-transformers is not installed"
)
PROMPTS = {"query": "query ", "document": "passage "}

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # torch's and transformers' own
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


def write_model(folder: Path, *, prompts=None, seed=7, longest=24, mode="mean") -> Path:
    """Save a BERT of one layer with random weights, by the library itself."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Normalize, Pooling, Transformer
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    torch.manual_seed(seed)
    bert = folder.with_name(f"{folder.name}-bert")
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1}
    config = BertConfig(
        vocab_size=len(VOCABULARY), num_attention_heads=2, max_position_embeddings=64, **sizes
    )
    BertModel(config).save_pretrained(bert)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer(),
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=longest,
    ).save_pretrained(bert)
    steps = [Transformer(str(bert)), Pooling(16, pooling_mode=mode), Normalize()]
    SentenceTransformer(modules=steps, prompts=prompts, device="cpu").save(str(folder))
    return folder


@pytest.fixture(scope="session")
def plain_once(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("st") / "plain")


@pytest.fixture(scope="session")
def prompted_once(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("st") / "prompted", prompts=PROMPTS)


@pytest.fixture
def name(plain_once):
    return f"sentence-transformers:{plain_once}"


def direct(folder: Path):
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(folder), device="cpu")


@needs_library
def test_vectors_are_the_librarys(create, name, plain_once):
    embedder = create(name, sentence_transformers_device="cpu", local_model_threads=1)
    answer = embedder.embed_documents(TEXTS)
    np.testing.assert_allclose(answer.vectors, direct(plain_once).encode(TEXTS), atol=1e-6)
    assert answer.vectors.dtype == np.float32
    assert answer.tokens == 5 + 8 + 3 + 11
    assert not embedder.own_instructions
    question = embedder.embed_query(TEXTS[1]).vectors[0]
    np.testing.assert_allclose(question, answer.vectors[1], atol=1e-6)


@needs_library
def test_the_models_own_prompts_are_used(create, prompted_once):
    embedder = create(f"sentence-transformers:{prompted_once}")
    assert embedder.own_instructions
    model = direct(prompted_once)
    question = embedder.embed_query("key")
    np.testing.assert_allclose(question.vectors[0], model.encode("query key"), atol=1e-6)
    assert question.tokens == 4
    document = embedder.embed_documents(["key"]).vectors[0]
    np.testing.assert_allclose(document, model.encode("passage key"), atol=1e-6)
    assert not np.allclose(question.vectors[0], document)


@needs_library
def test_a_text_that_is_too_long_is_refused_and_not_cut(create, prompted_once):
    embedder = create(f"sentence-transformers:{prompted_once}")
    embedder.embed_documents(["key " * 21])
    assert embedder.max_input_tokens == 24
    with pytest.raises(RemoteInputTooLongError, match=r"25 tokens.* takes 24"):
        embedder.embed_documents(["key", "key " * 22])
    with new_pool(embedder) as pool:
        assert pool.embed(["the signing key " * 40]).shape == (1, 16)
        assert pool.stats.split == 1


@needs_library
def test_fewer_dimensions_are_asked_of_the_library(create, name, settings):
    embedder = create(name, dimensions=4)
    assert embedder.embed_documents(TEXTS).vectors.shape == (4, 4)
    assert embedder_for(embedder.spec, settings).embed_query("key").vectors.shape == (1, 4)


@needs_library
def test_threads_share_one_model(create, name):
    embedder = create(name)
    expected = embedder.embed_documents(TEXTS).vectors
    found = []

    def work():
        for _ in range(5):
            found.append(embedder.embed_documents(TEXTS).vectors)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 20
    assert all(np.allclose(vectors, expected, atol=1e-6) for vectors in found)


@needs_library
def test_nothing_is_printed(create, name, capfd):
    create(name).embed_documents(TEXTS)
    assert capfd.readouterr() == ("", "")


@needs_library
def test_a_hub_that_can_not_be_reached_is_an_embedding_error(create, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    embedder = create("sentence-transformers:nobody/no-such-model")
    assert not getattr(embedder, "own_instructions", False)
    with pytest.raises(RemoteError, match="nobody/no-such-model") as caught:
        embedder.embed_query("key")
    assert "./FOLDER" in caught.value.hint


@needs_library
def test_what_was_downloaded_is_used_without_asking_the_hub(
    create, prompted_once, tmp_path, monkeypatch
):
    import shutil

    cached = tmp_path / "hub" / "models--org--tiny"
    commit = "a" * 40
    shutil.copytree(prompted_once, cached / "snapshots" / commit)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))

    def refuse(*_, **__):
        raise AssertionError("the hub was asked")

    monkeypatch.setattr("httpx.Client.send", refuse)
    embedder = create("sentence-transformers:org/tiny")
    assert embedder.own_instructions
    expected = direct(prompted_once).encode("query key")
    np.testing.assert_allclose(embedder.embed_query("key").vectors[0], expected, atol=1e-6)
    (cached / "snapshots" / commit / "modules.json").unlink()  # half of it, as other tools fetch it
    with pytest.raises(RemoteError, match="the hub was asked"):
        create("sentence-transformers:org/tiny").embed_query("key")


@needs_library
def test_code_that_comes_with_a_model_is_not_run(create, name, plain_once, tmp_path):
    import shutil

    folder = tmp_path / "own"
    shutil.copytree(plain_once, folder)
    marker = tmp_path / "ran"
    (folder / "evil.py").write_text(f"open({str(marker)!r}, 'w')\nclass Evil: pass\n")
    write_json(folder / "modules.json", [{"idx": 0, "name": "0", "path": "", "type": "evil.Evil"}])
    with pytest.raises(RemoteError, match="can't load the model"):
        create(f"sentence-transformers:{folder}").embed_query("key")
    assert not marker.exists()


@needs_library
def test_another_model_in_the_folder_is_noticed(create, plain_once, tmp_path, settings):
    import shutil

    folder = tmp_path / "own"
    shutil.copytree(plain_once, folder)
    spec = create(f"sentence-transformers:{folder}").spec
    assert embedder_for(spec, settings).spec == spec
    shutil.copytree(write_model(tmp_path / "other", seed=8), folder, dirs_exist_ok=True)
    with pytest.raises(ModelMismatchError):
        embedder_for(spec, settings)


@needs_library
@pytest.mark.parametrize("mode", POOLINGS)
def test_the_pooling_of_the_onnx_provider_is_the_librarys(mode, tmp_path):
    import torch
    from sentence_transformers.models import Pooling

    random = np.random.default_rng(7)
    tokens = random.normal(size=(3, 6, 4)).astype(np.float32)
    mask = np.array([[1] * 6, [1, 1, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0]])
    features = {"token_embeddings": torch.tensor(tokens), "attention_mask": torch.tensor(mask)}
    expected = Pooling(4, pooling_mode=mode)(features)["sentence_embedding"].numpy()
    np.testing.assert_allclose(pool(tokens, mask, [mode]), expected, atol=1e-5)


@needs_library
@pytest.mark.parametrize("mode", ["cls", "lasttoken"])
def test_the_onnx_provider_reads_what_the_library_writes(mode, tmp_path):
    files = read_transformer_files(write_model(tmp_path / "m", prompts=PROMPTS, mode=mode))
    assert files.pooling == (mode,)
    assert files.normalise
    assert files.max_tokens == 24
    assert (files.prompts.query, files.prompts.document) == ("query ", "passage ")
    assert files.pad_token == "[PAD]"


# What needs no library


@pytest.fixture
def without_library(monkeypatch):
    monkeypatch.setattr(provider, "need_library", lambda module, **_: None)


def test_a_folder_is_recorded_by_its_full_path(create, folder, tmp_path, monkeypatch, request):
    request.getfixturevalue("without_library")
    monkeypatch.chdir(tmp_path)
    spec = create("sentence-transformers:./model?file_name=model.onnx").spec
    assert spec.model == f"{folder}?file_name=model.onnx"
    assert list(spec.options) == ["files"]


def test_missing_folders_backends_and_arguments_are_usage_errors(
    create, tmp_path, without_library, monkeypatch
):
    with pytest.raises(UsageError, match="no model folder"):
        create("sentence-transformers:./nowhere")
    with pytest.raises(UsageError, match="no argument 'colour'"):
        create("sentence-transformers:org/model?colour=red")
    monkeypatch.setattr(provider, "_is_there", lambda module: False)
    with pytest.raises(UsageError, match="backend onnx") as caught:
        create(f"sentence-transformers:{tmp_path}", sentence_transformers_backend="onnx")
    assert "sentence-transformers[onnx]" in caught.value.hint


def test_a_folder_that_is_not_trusted_can_not_ask_for_a_models_code(tmp_path, without_library):
    from knowledge.embeddings.registry import create_embedder

    (tmp_path / "knowledge.yaml").write_text("sentence_transformers_trust_remote_code: true\n")
    settings = Settings.read(environ={}, folder=tmp_path)
    with pytest.raises(UntrustedEndpointError, match="code that comes with a model"):
        create_embedder(f"sentence-transformers:{tmp_path}", settings=settings)
    trusted = Settings.read(environ={"KNOW_TRUST_PROJECT": "1"}, folder=tmp_path)
    create_embedder(f"sentence-transformers:{tmp_path}", settings=trusted)
