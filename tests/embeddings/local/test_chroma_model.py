"""Chroma's own all-MiniLM-L6-v2, by a small model in the place where Chroma keeps it."""

from __future__ import annotations

import hashlib
import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from knowledge.embeddings.local import onnx as chroma_model
from knowledge.embeddings.registry import embedder_for
from knowledge.errors import RemoteError, RemoteInputTooLongError, UsageError
from tests.embeddings.local.models import TEXTS, write_json, write_transformer

NAME = "onnx:all-MiniLM-L6-v2"


def write_model(folder: Path) -> Path:
    """Write the files that Chroma's archive holds, its odd longest text included."""
    write_transformer(folder, dimensions=384, max_length=None)
    write_json(folder / "tokenizer_config.json", {"pad_token": "[PAD]", "model_max_length": 128})
    for name in ("modules.json",):
        (folder / name).unlink()
    (folder / "vocab.txt").write_text("")
    return folder


@pytest.fixture
def chroma(monkeypatch):
    """Chroma's own class, looking into this test's home."""
    from chromadb.utils.embedding_functions.onnx_mini_lm_l6_v2 import ONNXMiniLM_L6_V2

    monkeypatch.setattr(ONNXMiniLM_L6_V2, "DOWNLOAD_PATH", chroma_model.model_folder().parent)
    return ONNXMiniLM_L6_V2


def test_vectors_equal_those_of_chroma(create, chroma):
    write_model(chroma_model.model_folder())
    embedder = create(NAME)
    assert str(embedder.spec) == "onnx:all-MiniLM-L6-v2, 384 dimensions"
    expected = np.array(chroma()(TEXTS))
    np.testing.assert_allclose(embedder.embed_documents(TEXTS).vectors, expected, atol=1e-6)


def test_texts_may_have_256_tokens(create):
    write_model(chroma_model.model_folder())
    embedder = create(NAME)
    assert embedder.max_input_tokens == 256
    assert embedder.embed_documents(["key " * 254]).tokens == 256
    with pytest.raises(RemoteInputTooLongError):
        embedder.embed_documents(["key " * 255])


def test_its_folder_may_move_with_the_home(create, settings):
    spec = create(NAME).spec
    assert spec.options == {}
    assert embedder_for(spec, settings).spec == spec


def test_fewer_dimensions_and_no_arguments(create):
    write_model(chroma_model.model_folder())
    assert create(NAME, dimensions=64).embed_query("key").vectors.shape == (1, 64)
    with pytest.raises(UsageError, match="takes no arguments"):
        create(f"{NAME}?pooling=cls")


@pytest.fixture
def archive(tmp_path, monkeypatch, chroma):
    """The archive as Chroma's server offers it, on loopback."""
    model = write_model(tmp_path / "built")
    served = tmp_path / "served"
    served.mkdir()
    with tarfile.open(served / "onnx.tar.gz", "w:gz") as tar:
        tar.add(model, "onnx")
    handler = partial(QuietHandler, directory=served)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}/onnx.tar.gz"
        digest = hashlib.sha256((served / "onnx.tar.gz").read_bytes()).hexdigest()
        monkeypatch.setattr(chroma, "MODEL_DOWNLOAD_URL", url)
        monkeypatch.setattr(chroma, "_MODEL_SHA256", digest)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield served / "onnx.tar.gz"
        server.shutdown()
        thread.join()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.mark.filterwarnings("ignore:Python 3.14 will:DeprecationWarning")  # Chroma's extractall
def test_it_is_downloaded_by_chromas_code_when_a_text_is_there(create, archive, capfd):
    embedder = create(NAME)
    assert not chroma_model.model_folder().exists()
    assert embedder.embed_query("key").vectors.shape == (1, 384)
    assert (chroma_model.model_folder() / "model.onnx").is_file()
    archive.unlink()
    assert create(NAME).embed_query("key").vectors.shape == (1, 384)
    assert capfd.readouterr() == ("", "")


def test_a_failed_download_says_where_it_belongs_and_what_else_there_is(
    create, chroma, monkeypatch
):
    monkeypatch.setattr(chroma, "MODEL_DOWNLOAD_URL", "http://127.0.0.1:9/onnx.tar.gz")
    with pytest.raises(RemoteError, match="downloading it failed") as caught:
        create(NAME).embed_query("key")
    assert str(chroma_model.model_folder()) in caught.value.message
    assert "copy that folder" in caught.value.hint
    assert "static" in caught.value.hint
