"""What the shell offers for a value: datasets, providers, and the words that an option takes.

Where nothing is offered, the shell completes names of files. A call must answer at once, so nothing
heavy is imported on the way, and it must never print an error: it offers nothing instead.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from knowledge.text.escaping import flat

if TYPE_CHECKING:
    from knowledge.settings.reading import Settings

DATASET_FLAGS = frozenset({"--dataset", "--into"})
DATASET_ARGUMENTS = frozenset({"NAME", "NAME...", "DATASET"})
NEW_NAMES = frozenset({"create-dataset", "import"})
"""Commands whose NAME is no dataset of the data folder."""
PROVIDER_FLAGS = frozenset({"--embedding-model-provider"})
PROVIDER_ARGUMENTS = frozenset({"PROVIDER:MODEL"})
WORDS: Mapping[str, tuple[str, ...]] = {
    "--mode": ("auto", "dense", "keyword", "hybrid"),
    "--fusion": ("weighted", "rrf"),
    "--ocr": ("off", "auto", "always"),
    "--html": ("main", "full"),
}
VARIABLE = "_KNOWLEDGE_COMPLETE"
"""Set by the shell when it asks how a line may go on."""

Source = Callable[["Settings"], Iterable[str]]


def complete_values(parameters: Sequence[Any], command: str | None) -> Sequence[Any]:
    """Give those parameters whose values we know something to complete them with; return all."""
    if VARIABLE not in os.environ:
        return parameters
    for parameter in parameters:
        if getattr(parameter, "_custom_shell_complete", None) is None:
            source = _source(parameter, command)
            if source is not None:
                parameter._custom_shell_complete = _completer(source)
    return parameters


def _source(parameter: Any, command: str | None) -> Source | None:
    """Return what a parameter's values are taken from; ``None`` when Typer knows better."""
    flags = set(parameter.opts)
    is_argument = parameter.param_type_name == "argument"
    argument = (parameter.metavar or "").strip("[]") if is_argument else ""
    if flags & DATASET_FLAGS or (argument in DATASET_ARGUMENTS and command not in NEW_NAMES):
        return _datasets
    if flags & PROVIDER_FLAGS or argument in PROVIDER_ARGUMENTS:
        return _providers
    for flag in flags & WORDS.keys():
        return lambda _: WORDS[flag]
    # Typer would offer what was typed so far, which keeps the shell from completing files.
    return (lambda _: ()) if parameter.type_descriptor.is_file else None


def _completer(source: Source) -> Callable[[Any, Any, str], list[str]]:
    def complete(context: Any, _: Any, incomplete: str) -> list[str]:
        from knowledge.errors import KnowledgeError
        from knowledge.settings.reading import Settings

        given = context.params
        try:
            settings = Settings.read(
                data_dir=given.get("data_dir"), config_file=given.get("config_file")
            )
            values = source(settings)
        except KnowledgeError:
            return []  # the command itself says what is wrong
        # What can't be printed can't be typed either.
        fits = [one for one in values if one.startswith(incomplete) and flat(one) == one]
        return list(map(_quoted, fits))

    return complete


def _datasets(settings: Settings) -> Iterable[str]:
    from knowledge.storage.opening import open_store

    return open_store(settings).names()


def _providers(settings: Settings) -> Iterable[str]:
    from knowledge.embeddings.local.any_library import LOCAL
    from knowledge.embeddings.provider import provider_names

    return [*provider_names(), LOCAL, *settings.profiles]


def _quoted(value: str) -> str:
    """Return a value as bash wants it on its line; the other shells' scripts quote it."""
    if os.environ.get(VARIABLE) != "complete_bash":
        return value
    return re.sub(r"([^\w@%+=:,./-])", r"\\\1", value)
