"""What a transformer model's own folder says of how to use it.

The files are those of Hugging Face and of sentence-transformers: ``modules.json`` lists the steps
after the transformer, ``1_Pooling/config.json`` the pooling, ``sentence_bert_config.json`` or
``tokenizer_config.json`` the longest text, ``config_sentence_transformers.json`` the prompts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from knowledge.errors import UsageError
from knowledge.files.bounded_data import MAX_JSON, parse_json, read_text

if TYPE_CHECKING:
    from pathlib import Path

POOLINGS = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
_FORMER_NAMES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
"""In the order in which sentence-transformers joins the vectors of several."""
_KNOWN_STEPS = {"Transformer", "Pooling", "Normalize", "Dropout"}
_OFFSET_TYPES = {"roberta", "xlm-roberta", "camembert", "mpnet"}
"""Their positions begin after the padding token's id."""
_SANE = 10_000_000
"""Longer is no limit: transformers writes 1e30 where it knows none."""


@dataclass(frozen=True, slots=True)
class TransformerFiles:
    """How to use a model.

    Parameters
    ----------
    folder:
        Where tokenizer and configuration lie.
    pooling:
        How token vectors become one: names of `POOLINGS`, joined when there are several; empty
        when the files do not say.
    usual_pooling:
        That of the model's family, for files that do not say; empty for a family unknown here.
    normalise:
        Whether vectors are of unit length.
    max_tokens:
        Longest text, special tokens included.
    pad_token:
        The token that fills up shorter texts of a batch.
    pad_id:
        Its number, where the configuration has it.
    """

    folder: Path
    pooling: tuple[str, ...]
    usual_pooling: tuple[str, ...]
    normalise: bool
    max_tokens: int | None
    pad_token: str | None
    pad_id: int
    prompts: Prompts


@dataclass(frozen=True, slots=True)
class Prompts:
    """What the model wants before each question and each document."""

    query: str = ""
    document: str = ""

    def __bool__(self) -> bool:
        return bool(self.query or self.document)


def read_transformer_files(root: Path) -> TransformerFiles:
    """Read a model folder.

    Raises
    ------
    UsageError
        A file can't be read, or the model takes steps that only sentence-transformers knows.
    """
    steps = _steps(root)
    folder = root / next((path for kind, path in steps if kind == "Transformer"), "")
    config = read_json(folder / "config.json")
    tokenizer = read_json(folder / "tokenizer_config.json")
    special = {**read_json(folder / "special_tokens_map.json"), **tokenizer}
    prompts = read_prompts(root)
    return TransformerFiles(
        folder=folder,
        pooling=_pooling(root, steps, prompts),
        usual_pooling=_pooling_of_family(root),
        normalise=any(kind == "Normalize" for kind, _ in steps),
        max_tokens=_max_tokens(folder, config, tokenizer),
        pad_token=_token(special.get("pad_token")),
        pad_id=_whole(config.get("pad_token_id")) or 0,
        prompts=prompts,
    )


def read_prompts(root: Path) -> Prompts:
    """Read the prompts that sentence-transformers puts before texts by itself.

    Raises
    ------
    UsageError
        The file can't be read.
    """
    prompts = read_json(root / "config_sentence_transformers.json").get("prompts")
    if not isinstance(prompts, dict):
        return Prompts()
    document = next((prompts[n] for n in ("document", "passage", "corpus") if n in prompts), "")
    return Prompts(str(prompts.get("query") or ""), str(document or ""))


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; an empty one where there is no such file.

    Raises
    ------
    UsageError
        It can't be read, or holds something else.
    """
    content = _read(path)
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UsageError(f"{path} holds no JSON object")
    return content


def _steps(root: Path) -> list[tuple[str, str]]:
    """Return kind and folder of each step."""
    modules = _read(root / "modules.json")
    if modules is None:
        return [("Transformer", ""), ("Pooling", "1_Pooling")]
    try:
        steps = [(str(m["type"]).rpartition(".")[2], str(m.get("path") or "")) for m in modules]
    except (TypeError, KeyError, AttributeError) as error:
        raise UsageError(f"{root / 'modules.json'} is not a list of modules") from error
    for kind, _ in steps:
        if kind not in _KNOWN_STEPS:
            raise UsageError(
                f"the model {root} has a step {kind!r} that onnx can't do",
                hint=f"Use the provider sentence-transformers:{root}",
            )
    return steps


def _pooling(root: Path, steps: list[tuple[str, str]], prompts: Prompts) -> tuple[str, ...]:
    path = next((root / path for kind, path in steps if kind == "Pooling"), root / "1_Pooling")
    config = read_json(path / "config.json")
    if prompts and config.get("include_prompt") is False:
        raise UsageError(
            f"the model {root} leaves its prompts out of the pooling, which onnx can't do",
            hint=f"Use the provider sentence-transformers:{root}",
        )
    named = config.get("pooling_mode")
    if isinstance(named, str):
        named = [named]
    if named is None:
        named = [name for key, name in _FORMER_NAMES.items() if config.get(key) is True]
    unknown = [name for name in named if name not in POOLINGS]
    if unknown:
        raise UsageError(f"{path / 'config.json'} names an unknown pooling {unknown[0]!r}")
    return tuple(named)


_FAMILIES = (
    (r"qwen3?[-_ ]?embedding|gte[-_]qwen|e5[-_]mistral|sfr[-_]embedding", "lasttoken"),
    (r"bge|mxbai|arctic[-_]embed|gte[-_](multilingual|(base|large)[-_]en[-_]v1\.5)", "cls"),
    (r"e5|minilm|mpnet|gte|nomic[-_]embed|jina[-_]embeddings|gtr|labse", "mean"),
)
"""What the makers of well-known models pool by, as their model cards say; the first that fits."""


def _pooling_of_family(root: Path) -> tuple[str, ...]:
    """Return the pooling of a model whose files do not say it, such as an export by Optimum.

    It is recognised by the name in its configuration, else its folder's; empty for an unknown one.
    """
    named = str(read_json(root / "config.json").get("_name_or_path") or "")
    for name in (named, root.name):
        for pattern, pooling in _FAMILIES:
            if re.search(rf"(?<![a-z])({pattern})", name.lower()):
                return (pooling,)
    return ()


def _max_tokens(folder: Path, config: dict[str, Any], tokenizer: dict[str, Any]) -> int | None:
    own = _whole(read_json(folder / "sentence_bert_config.json").get("max_seq_length"))
    if own:
        return own
    positions = _whole(config.get("max_position_embeddings"))
    if positions and config.get("model_type") in _OFFSET_TYPES:
        positions -= (_whole(config.get("pad_token_id")) or 1) + 1
    limits = [positions, _whole(tokenizer.get("model_max_length"))]
    return min((limit for limit in limits if limit), default=None)


def _whole(value: Any) -> int | None:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < _SANE
    return int(value) if usable else None


def _token(value: Any) -> str | None:
    if isinstance(value, dict):
        value = value.get("content")
    return value if isinstance(value, str) else None


def _read(path: Path) -> Any:
    try:
        return parse_json(read_text(path, MAX_JSON))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise UsageError(f"can't read {path}: {error}") from error
