"""A small SPLADE: each token gives logits to itself and to the words that it stands for."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.embeddings.local.models import VOCABULARY, tokenizer, write_json

MEANS = {"key": {"signing": 2.0}, "whales": {"water": 3.0, "songs": 1.0}}
"""Logits beside a word's own, which is 4."""


def logits() -> np.ndarray:
    """What each token gives, shape (tokens, vocabulary); special tokens give nothing."""
    table = np.full((len(VOCABULARY), len(VOCABULARY)), -1.0, np.float32)
    for word, number in VOCABULARY.items():
        if number > 3:
            table[number, number] = 4.0
        for other, logit in MEANS.get(word, {}).items():
            table[number, VOCABULARY[other]] = logit
    return table


def write_splade(folder: Path, *, max_length: int = 16) -> Path:
    """Write a folder as Optimum exports a masked language model."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    shape = ["texts", "tokens"]
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "input_ids"], ["logits"])],
        "splade",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64, shape)
            for name in ("input_ids", "attention_mask")
        ],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [*shape, len(VOCABULARY)])],
        [numpy_helper.from_array(logits(), "table")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    folder.mkdir(parents=True)
    onnx.save(model, str(folder / "model.onnx"))
    tokenizer().save(str(folder / "tokenizer.json"))
    write_json(folder / "config.json", {"max_position_embeddings": max_length})
    return folder
