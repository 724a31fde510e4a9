"""How files are read and cut."""

from __future__ import annotations

from knowledge.settings.table.setting import MAX_MIB, MAX_SECONDS, Setting

DOCUMENTS: tuple[Setting, ...] = (
    Setting(
        "chunk_size",
        ("KNOW_CHUNK_SIZE",),
        256,
        "Most tokens in a chunk; the average is about half of it.",
        minimum=1,
        maximum=100_000,
    ),
    Setting(
        "chunk_overlap",
        ("KNOW_CHUNK_OVERLAP",),
        40,
        "Tokens that neighbours share.",
        minimum=0,
        maximum=100_000,
    ),
    Setting(
        "concurrency",
        ("KNOW_INGEST_CONCURRENCY",),
        0,
        "Processes that read files; 0 is one a core.",
        minimum=0,
        maximum=1_024,
    ),
    Setting(
        "file_timeout",
        ("KNOW_FILE_TIMEOUT",),
        120.0,
        "Seconds one file may take.",
        minimum=0.1,
        maximum=MAX_SECONDS,
    ),
    Setting(
        "max_file_size",
        ("KNOW_MAX_FILE_SIZE",),
        512,
        "Largest file that is read, in MiB.",
        minimum=1,
        maximum=MAX_MIB,
    ),
    Setting(
        "max_text_size",
        ("KNOW_MAX_TEXT_SIZE",),
        64,
        "Most text that is taken from one file, in MiB.",
        minimum=1,
        maximum=MAX_MIB,
    ),
    Setting(
        "max_unpacked_size",
        ("KNOW_MAX_UNPACKED_SIZE",),
        1024,
        "Most that the members of one archive may unpack to, in MiB.",
        minimum=1,
        maximum=MAX_MIB,
    ),
    Setting(
        "file_memory",
        ("KNOW_FILE_MEMORY",),
        2048,
        "Memory one file may take while it is read, in MiB; 0 is no limit.",
        minimum=0,
        maximum=MAX_MIB,
    ),
    Setting(
        "loader",
        ("KNOW_LOADER",),
        "",
        "Engine that reads a format, such as pdf=pypdf,docx=kreuzberg.",
    ),
    Setting(
        "html",
        ("KNOW_HTML",),
        "main",
        "What is kept of a web page: main, without navigation and banners, or full.",
        choices=("main", "full"),
    ),
    Setting(
        "ocr",
        ("KNOW_OCR",),
        "auto",
        "Read text in pictures: off, auto (pages and images without text) or always.",
        choices=("off", "auto", "always"),
    ),
    Setting(
        "passwords_file",
        ("KNOW_PASSWORDS_FILE",),
        "",
        "File with one password on each line, tried on protected documents.",
    ),
)
