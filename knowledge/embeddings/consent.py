"""Which recorded models may be opened: a model's name is data, and may stand for code.

A dataset records its model's name, which may stand for a class to load or a path to open. Whoever
made the dataset wrote it, so nothing is loaded or opened for it unless the user named the same
model. What he names at an ingest is remembered in his own configuration folder, which no project
file, archive or copied data folder can move: a small file for each model of a dataset.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.embeddings.local.model_identity import OPTION as FILES
from knowledge.embeddings.model_name import parse_model_name
from knowledge.embeddings.provider import BUILT_IN, names_code
from knowledge.errors import UntrustedModelError, UsageError
from knowledge.files.private import replace_text
from knowledge.settings.trust import trust_file

if TYPE_CHECKING:
    from knowledge.model import Dataset, EmbedderSpec
    from knowledge.settings.reading import Settings

CODE, PATH = "code", "path"
_VARIABLE = "KNOW_EMBEDDING_MODEL_PROVIDER"
_FIELD = "`embedding_model_provider`"


def what_it_names(provider: str, model: str | None) -> str:
    """Tell what a model's name stands for: ``code``, ``path``, or nothing here, which is empty."""
    if names_code(provider):
        return CODE
    return PATH if model and _names_path(provider, model) else ""


def needs_consent(provider: str, model: str | None, settings: Settings) -> str:
    """Tell what a model would have loaded, which its user must have named; empty for nothing.

    Where models may bring code of their own, a model of sentence-transformers is code.
    """
    named = what_it_names(provider, model)
    brings_code = (
        provider == "sentence-transformers" and settings["sentence_transformers_trust_remote_code"]
    )
    if named == CODE or brings_code:
        return "code to run"
    return "files to open" if named == PATH else ""


def is_remembered(dataset: Dataset, settings: Settings) -> bool:
    """Tell whether the user named a dataset's model when it was embedded, here."""
    facts = _facts(dataset, settings)
    try:
        return bool(json.loads(_file(facts).read_text(encoding="utf-8")) == facts)
    except (OSError, ValueError):
        return False


def remember(dataset: Dataset, spec: EmbedderSpec, settings: Settings) -> str:
    """Remember that the user named the model of a dataset; where that fails, return why."""
    facts = _facts(replace(dataset, embedding=spec), settings)
    file = _file(facts)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_text(file, json.dumps(facts, indent=1) + "\n")
    except OSError as error:
        return (
            f"can't write {file}: {error.strerror}; name the model each time, with {_FIELD} or "
            f"{_VARIABLE}"
        )
    return ""


def refusal(dataset: Dataset, spec: EmbedderSpec, settings: Settings) -> UntrustedModelError:
    """Return that nobody here named the model that a dataset recorded."""
    name = f"{spec.provider}:{spec.model}" if spec.model else spec.provider
    return UntrustedModelError(
        f"dataset {dataset.name!r} is embedded with {name}, which stands for "
        f"{needs_consent(spec.provider, spec.model, settings)}, and nobody here named it",
        hint=f"If you trust it, name it yourself: {_FIELD} {shlex.quote(name)}, or "
        f"{_VARIABLE}={shlex.quote(name)} for commands that have no such flag.",
    )


def _names_path(provider: str, model: str) -> bool:
    try:
        name, arguments = parse_model_name(model)
    except UsageError:
        name, arguments = model.partition("?")[0], {"path": ""}
    record = BUILT_IN.get(provider)
    return record is not None and record.opens_files(name, arguments)


def _facts(dataset: Dataset, settings: Settings) -> dict[str, str]:
    assert dataset.embedding is not None
    return {
        "data_folder": _data_folder(str(settings["data_dir"])),
        "dataset": dataset.key,
        "provider": dataset.embedding.provider,
        "model": dataset.embedding.model,
        "files": str(dataset.embedding.options.get(FILES, "")),
    }


def _data_folder(given: str) -> str:
    """Return the data folder's path without links; "" is the user's own, wherever that lies."""
    return str(Path(given).expanduser().resolve()) if given else ""


def _file(facts: dict[str, str]) -> Path:
    digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
    return trust_file().parent / "models" / f"{digest[:32]}.json"
