"""Variables of an ancestor of this program, and misspelt ones: reported instead of ignored."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches

LIKE = 0.88
"""Similarity of a misspelt name to the intended one."""

ELSEWHERE = frozenset({"KNOW_JSON"})
"""Variables that are read before there are settings."""

FORMER = {
    "KNOW_ASKDIR_NO_PRUNE": "use --no-prune",
    "KNOW_DB_AUTO_MIGRATE": "the data folder is upgraded automatically",
    "KNOW_INDEX_DSN": "use KNOW_DATA_DIR, a folder",
    "KNOW_INGEST_DEDUPE_FUNC": "files are compared by content; --force reads all of them again",
    "KNOW_INGEST_EXIT_ON_FAILED_FILE": "a failed file does not stop the others; the exit code is 4",
    "KNOW_SERVER_URL": "there is no server",
    "KNOW_TEXTSPLITTER_CHUNK_OVERLAP": "use KNOW_CHUNK_OVERLAP",
    "KNOW_TEXTSPLITTER_CHUNK_SIZE": "use KNOW_CHUNK_SIZE",
    "KNOW_TEXTSPLITTER_ENCODING_NAME": "chunks are counted in tokens of cl100k_base",
    "KNOW_TEXTSPLITTER_MODEL_NAME": "chunks are counted in tokens of cl100k_base",
    "KNOW_VECTOR_DSN": "use KNOW_DATA_DIR, a folder",
}

OTHERS = {
    "LITELLM_API_BASE": "set OPENAI_BASE_URL, or OLLAMA_HOST and the provider ollama",
    "LITELLM_CUSTOM_PROVIDER": "set KNOW_EMBEDDING_MODEL_PROVIDER, such as ollama:MODEL",
    "QDRANT_DENSE_MODEL": "set KNOW_EMBEDDING_MODEL_PROVIDER to PROVIDER:MODEL",
    "QDRANT_ENCODER": "set KNOW_EMBEDDING_MODEL_PROVIDER to PROVIDER:MODEL",
}
"""Variables by which other programs choose a model; they count where none is chosen here."""


def unread_variables(given: Iterable[str], known: Collection[str]) -> list[str]:
    """Return a warning for each variable that looks like a setting but is not one.

    Parameters
    ----------
    given:
        Names of variables that are set.
    known:
        Names that settings are read from.
    """
    given = sorted(given)
    chosen = "KNOW_EMBEDDING_MODEL_PROVIDER" in given
    warnings = [
        f"{name} is not read: {instead}"
        for name, instead in OTHERS.items()
        if name in given and not chosen
    ]
    for name in given:
        if not name.startswith("KNOW_") or name in known or name in ELSEWHERE:
            continue
        if name in FORMER:
            warnings.append(f"{name} is not read: {FORMER[name]}")
        elif meant := get_close_matches(name, known, 1, LIKE):
            warnings.append(f"{name} is not read: did you mean {meant[0]}?")
    return warnings
