"""Variables of an ancestor of this program, and misspelt ones: reported instead of ignored."""

from __future__ import annotations

from collections.abc import Collection, Iterable

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

_MODEL, _SPARSE, _VECTORS = "KNOW_EMBEDDING_MODEL_PROVIDER", "KNOW_SPARSE_MODEL", "KNOW_VECTORS"
OTHERS = {
    "LITELLM_API_BASE": (_MODEL, "set OPENAI_BASE_URL, or OLLAMA_HOST and the provider ollama"),
    "LITELLM_CUSTOM_PROVIDER": (_MODEL, f"set {_MODEL}, such as ollama:MODEL"),
    "QDRANT_DENSE_MODEL": (_MODEL, f"set {_MODEL} to PROVIDER:MODEL"),
    "QDRANT_ENCODER": (_MODEL, f"set {_MODEL} to PROVIDER:MODEL"),
    "QDRANT_SPARSE_ENCODER": (_SPARSE, f"set {_SPARSE}"),
    "QDRANT_SPARSE_MODEL": (_SPARSE, f"set {_SPARSE}"),
    "QDRANT_HOST": (_VECTORS, f"set {_VECTORS}=qdrant to keep vectors there"),
    "QDRANT_URL": (_VECTORS, f"set {_VECTORS} to qdrant://HOST:PORT to keep vectors there"),
}
"""Variables by which other programs choose a model or a server, and what chooses it here.

They are told of where that is not set.
"""


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
    warnings = [
        f"{name} is not read: {instead}"
        for name, (setting, instead) in OTHERS.items()
        if name in given and setting not in given
    ]
    for name in given:
        if not name.startswith("KNOW_") or name in known or name in ELSEWHERE:
            continue
        if name in FORMER:
            warnings.append(f"{name} is not read: {FORMER[name]}")
        elif meant := _like(name, known):
            warnings.append(f"{name} is not read: did you mean {meant[0]}?")
    return warnings


def _like(name: str, known: Collection[str]) -> list[str]:
    from difflib import get_close_matches

    return get_close_matches(name, known, 1, LIKE)
