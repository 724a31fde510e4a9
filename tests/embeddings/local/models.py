"""Tiny models, written as the real ones are and read by the real libraries.

Each gives every word of `WORDS` a vector of its own, so that tests can say what must come out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
WORDS = [
    *("the signing key is rotated every ninety days by an engineer on call").split(),
    *("whales sing songs in cold water query passage how do i rotate").split(),
]
VOCABULARY = {word: number for number, word in enumerate([*SPECIAL, *dict.fromkeys(WORDS)])}
TEXTS = [
    "the signing key",
    "whales sing songs in cold water",
    "key",
    "an engineer rotates the signing key every ninety days",
]


def table(dimensions: int = 8, seed: int = 7) -> np.ndarray:
    """The vector of each token, shape (tokens, dimensions)."""
    random = np.random.default_rng(seed)
    return random.normal(size=(len(VOCABULARY), dimensions)).astype(np.float32)


def ids_of(text: str, *, special: bool = True) -> list[int]:
    """Token ids, computed without a tokenizer."""
    ids = [VOCABULARY.get(word, 1) for word in text.lower().split()]
    return [2, *ids, 3] if special else ids


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def tokenizer(*, special: bool = True) -> Any:
    """A tokenizer that splits at white space, with [CLS] and [SEP] around a text."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.normalizers import Lowercase
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from tokenizers.processors import TemplateProcessing

    made = Tokenizer(WordLevel(VOCABULARY, unk_token="[UNK]"))
    made.normalizer = Lowercase()
    made.pre_tokenizer = WhitespaceSplit()
    if special:
        made.add_special_tokens(SPECIAL)
        made.post_processor = TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
    return made


def write_onnx(
    path: Path,
    vectors: np.ndarray,
    *,
    inputs: Sequence[str] = ("input_ids", "attention_mask", "token_type_ids"),
    kind: str = "INT64",
    output: str = "last_hidden_state",
) -> None:
    """Write a model whose output is each token's row of ``vectors``.

    An output that is named ``sentence_embedding`` is the sum over the tokens.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    element = getattr(TensorProto, kind)
    shape = ["texts", "tokens"]
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["rows"])]
    result = [*shape, vectors.shape[1]]
    constants = [numpy_helper.from_array(vectors, "table")]
    if output == "sentence_embedding":
        nodes.append(helper.make_node("ReduceSum", ["rows", "axis"], [output], keepdims=0))
        result = ["texts", vectors.shape[1]]
        constants.append(numpy_helper.from_array(np.array([1], np.int64), "axis"))
    else:
        nodes.append(helper.make_node("Identity", ["rows"], [output]))
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, element, shape) for name in inputs],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, result)],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(path))


def write_transformer(
    folder: Path,
    *,
    dimensions: int = 8,
    seed: int = 7,
    pooling: Mapping[str, Any] | None = None,
    normalise: bool = False,
    max_length: int | None = 32,
    prompts: Mapping[str, str] | None = None,
    file: str = "model.onnx",
    **options: Any,
) -> Path:
    """Write a model folder as sentence-transformers lays it out, with an ONNX file."""
    vectors = options.pop("vectors", None)
    write_onnx(folder / file, table(dimensions, seed) if vectors is None else vectors, **options)
    tokenizer().save(str(folder / "tokenizer.json"))
    write_json(folder / "config.json", {"model_type": "bert", "pad_token_id": 0})
    write_json(folder / "tokenizer_config.json", {"pad_token": "[PAD]", "model_max_length": 512})
    write_json(folder / "special_tokens_map.json", {"pad_token": "[PAD]", "unk_token": "[UNK]"})
    if max_length:
        write_json(folder / "sentence_bert_config.json", {"max_seq_length": max_length})
    if pooling is not None:
        write_json(folder / "1_Pooling" / "config.json", pooling)
    if prompts is not None:
        write_json(folder / "config_sentence_transformers.json", {"prompts": dict(prompts)})
    steps = [("Transformer", ""), ("Pooling", "1_Pooling")] + [("Normalize", "2_N")] * normalise
    write_json(
        folder / "modules.json",
        [
            {"idx": n, "name": str(n), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for n, (kind, path) in enumerate(steps)
        ],
    )
    return folder
