"""How files are read and cut."""

from __future__ import annotations

from knowledge.settings_table.setting import Setting

DOCUMENTS: tuple[Setting, ...] = (
    Setting(
        "chunk_size",
        ("KNOW_CHUNK_SIZE",),
        256,
        "Most tokens in a chunk; the average is about half of it.",
        minimum=1,
    ),
    Setting(
        "chunk_overlap", ("KNOW_CHUNK_OVERLAP",), 40, "Tokens that neighbours share.", minimum=0
    ),
    Setting(
        "concurrency",
        ("KNOW_INGEST_CONCURRENCY",),
        0,
        "Processes that read files; 0 is one a core.",
        minimum=0,
    ),
    Setting(
        "file_timeout", ("KNOW_FILE_TIMEOUT",), 120.0, "Seconds one file may take.", minimum=0.1
    ),
    Setting(
        "max_file_size",
        ("KNOW_MAX_FILE_SIZE",),
        512,
        "Largest file that is read, in MiB.",
        minimum=1,
    ),
    Setting(
        "max_text_size",
        ("KNOW_MAX_TEXT_SIZE",),
        64,
        "Most text that is taken from one file, in MiB.",
        minimum=1,
    ),
)
