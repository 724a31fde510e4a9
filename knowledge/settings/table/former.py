"""Variables that an ancestor of this program read, or that are misspelt: said, not passed over."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches

LIKE = 0.88
"""How alike a misspelt name is to the one that was meant."""

FORMER = {
    "KNOW_ASKDIR_NO_PRUNE": "use --no-prune",
    "KNOW_DATASETS": "use KNOW_DATASET, or repeat --dataset",
    "KNOW_DB_AUTO_MIGRATE": "the data folder is brought up to date by itself",
    "KNOW_INDEX_DSN": "use KNOW_DATA_DIR, a folder",
    "KNOW_INGEST_DEDUPE_FUNC": "files are compared by content; --force reads all again",
    "KNOW_INGEST_EXIT_ON_FAILED_FILE": "a failed file stops no other; the exit code is 4",
    "KNOW_INGEST_METADATA": "use --metadata",
    "KNOW_JSON": "use --json",
    "KNOW_RETRIEVE_KEYWORDS": "use --keyword",
    "KNOW_SERVER_URL": "there is no server",
    "KNOW_TEXTSPLITTER_CHUNK_OVERLAP": "use KNOW_CHUNK_OVERLAP",
    "KNOW_TEXTSPLITTER_CHUNK_SIZE": "use KNOW_CHUNK_SIZE",
    "KNOW_TEXTSPLITTER_ENCODING_NAME": "chunks are counted in tokens of cl100k_base",
    "KNOW_TEXTSPLITTER_MODEL_NAME": "chunks are counted in tokens of cl100k_base",
    "KNOW_VECTOR_DSN": "use KNOW_DATA_DIR, a folder",
}


def unread_variables(given: Iterable[str], known: Collection[str]) -> list[str]:
    """Return a sentence for each variable that looks like a setting and is none.

    Parameters
    ----------
    given:
        Names that are set.
    known:
        Names that settings are read from.
    """
    told = []
    for name in sorted(given):
        if not name.startswith("KNOW_") or name in known:
            continue
        if name in FORMER:
            told.append(f"{name} is not read: {FORMER[name]}")
        elif meant := get_close_matches(name, known, 1, LIKE):
            told.append(f"{name} is not read: did you mean {meant[0]}?")
    return told
