"""A small model in place of the wheel of all-MiniLM-L6-v2: each token has a vector of its own."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from knowledge.embeddings.local import minilm

ROWS = 997
"""Tokens share a row where their ids agree modulo this."""


def table() -> np.ndarray:
    """The vector of each row, shape (997, 384)."""
    return np.random.default_rng(3).normal(size=(ROWS, minilm.DIMENSIONS)).astype(np.float32)


def write_wheel(folder: Path) -> Path:
    """Write the wheel's package, whose code can't be run, and return its model.onnx."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    package = folder / minilm.PACKAGE
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('the code of the wheel was run')\n")
    nodes = [
        helper.make_node("Mod", ["input_ids", "rows"], ["row"]),
        helper.make_node("Gather", ["table", "row"], ["last_hidden_state"]),
    ]
    constants = [
        numpy_helper.from_array(np.array(ROWS, np.int64), "rows"),
        numpy_helper.from_array(table(), "table"),
    ]
    shape = ["texts", "tokens"]
    names = ("input_ids", "attention_mask", "token_type_ids")
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in names],
        [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*shape, 384])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(package / "model.onnx"))
    return package / "model.onnx"


def install(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """Put the small model in the wheel's place, as if its hash were the known one."""
    file = write_wheel(folder)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(minilm, "SHA256", hashlib.sha256(file.read_bytes()).hexdigest())
    return file
