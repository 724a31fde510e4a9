"""Named embedding profiles of a settings file: which provider, with which settings.

    embeddings:
      providers:
        - name: my-cohere
          type: cohere
          config: {apiKey: "${COHERE_API_KEY}", model: embed-english-v3.0}

``${NAME}`` stands for a variable of the environment, or of ``.env``. What the keys of ``config``
mean is the business of ``knowledge.embeddings.profiles``.

An entry, or a whole file, may be a model file of LocalAI (https://localai.io/advanced/): ``name``,
``backend``, ``parameters.model`` and ``embeddings: true``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowledge.errors import UsageError
from knowledge.settings.variables import VARIABLE, ProfileValue, Variables

_SECRET = re.compile(r"(api_?key|token|secret|password|credentials?)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Profile:
    """One entry of ``embeddings.providers``."""

    name: str
    type: str
    config: Mapping[str, ProfileValue]
    file: str
    """Name of the file that holds it."""
    of_folder: bool
    """True when the working directory brought the file, which a stranger may have written."""


def read_profiles(
    content: Any, *, file: Path, of_folder: bool, variables: Variables
) -> dict[str, Profile]:
    """Read the section ``embeddings`` of a settings file.

    Returns
    -------
    dict
        Profiles by name, in lower case, in the file's order.

    Raises
    ------
    UsageError
        The section has another shape, a name is given twice, or a secret stands in the file.
    """
    section = content or {}
    if not isinstance(section, dict) or not isinstance(section.get("providers") or [], list):
        raise UsageError(
            f"{file.name}: embeddings must hold a list called providers",
            hint="Each entry has a name, a type and a config; see docs/settings.md.",
        )
    profiles: dict[str, Profile] = {}
    for entry in section.get("providers") or []:
        entry = _of_localai(entry, file) if _is_of_localai(entry) else entry
        profile = _profile(entry, file=file.name, of_folder=of_folder, variables=variables)
        if profile.name.lower() in profiles:
            raise UsageError(f"{file.name}: there are two profiles {profile.name!r}")
        profiles[profile.name.lower()] = profile
    return profiles


_BACKENDS = {
    "sentencetransformers": "sentence-transformers",
    "sentence-transformers": "sentence-transformers",
    "huggingface": "sentence-transformers",
    "huggingface-embeddings": "sentence-transformers",
    "transformers": "sentence-transformers",
    "llama": "llama-cpp",
    "llama-cpp": "llama-cpp",
    "llama-ggml": "llama-cpp",
    "bert-embeddings": "llama-cpp",
}
"""LocalAI's backends that run here as well; models of others are asked of its server."""


def _is_of_localai(entry: Any) -> bool:
    return isinstance(entry, dict) and "type" not in entry and "parameters" in entry


def _of_localai(entry: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """Return a model file of LocalAI as an entry of ours.

    Its ``parameters.model`` is a name on the hub, or a file beside it.

    Raises
    ------
    UsageError
        It is no embedding model, or names none.
    """
    name = _text(entry, "name", file.name)
    if entry.get("embeddings") is not True:
        raise UsageError(
            f"{file.name}: the model {name!r} does not say that it embeds",
            hint="LocalAI's file of an embedding model has the line embeddings: true",
        )
    parameters = entry["parameters"]
    model = parameters.get("model") if isinstance(parameters, dict) else None
    if not isinstance(model, str) or not model.strip():
        raise UsageError(f"{file.name}: the model {name!r} needs parameters with a model")
    provider = _BACKENDS.get(str(entry.get("backend", "")).lower(), "")
    if provider == "sentence-transformers":
        return {"name": name, "type": f"{provider}:{model}"}
    if provider == "llama-cpp" and "://" not in model:
        names = {"threads": "local_model_threads", "gpu_layers": "llama_cpp_gpu_layers"}
        config = {ours: entry[theirs] for theirs, ours in names.items() if theirs in entry}
        return {"name": name, "type": f"{provider}:{file.parent / model}", "config": config}
    return {"name": name, "type": f"localai:{name}"}


def _profile(entry: Any, *, file: str, of_folder: bool, variables: Variables) -> Profile:
    name = _text(entry, "name", file)
    kind = _text(entry, "type", file)
    if ":" in name:
        raise UsageError(f"{file}: a profile's name cannot contain a colon: {name!r}")
    config = entry.get("config") or {}
    if not isinstance(config, dict):
        raise UsageError(f"{file}: the config of profile {name!r} must be a mapping")
    values = {}
    for key, raw in _flat(config):
        if _SECRET.search(key) and not re.fullmatch(VARIABLE, str(raw)):
            raise UsageError(
                f"{file} holds the secret {key!r} of profile {name!r}",
                hint="Write ${NAME} instead, and set NAME in the environment or in .env.",
            )
        values[key] = variables.expand(raw)
    return Profile(name, kind, values, file, of_folder)


def _text(entry: Any, field: str, file: str) -> str:
    value = entry.get(field) if isinstance(entry, dict) else None
    if not isinstance(value, str) or not value.strip():
        raise UsageError(
            f"{file}: each of embeddings.providers needs a {field}",
            hint="An entry is such as {name: my-cohere, type: cohere, config: {...}}.",
        )
    return value.strip()


def _flat(config: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield values by key; those of a mapping inside carry its key in front."""
    for key, value in config.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}_")
        elif value is not None:
            yield f"{prefix}{key}", value
