"""How files are read and split."""

from __future__ import annotations

from knowledge.settings.table.setting import MAX_MIB, MAX_SECONDS, Setting

DOCUMENTS: tuple[Setting, ...] = (
    Setting(
        "chunk_size",
        ("KNOW_CHUNK_SIZE",),
        256,
        "Maximum tokens in a chunk; the average is about half of it.",
        minimum=1,
        maximum=100_000,
    ),
    Setting(
        "chunk_overlap",
        ("KNOW_CHUNK_OVERLAP",),
        40,
        "Tokens that adjacent chunks share.",
        minimum=0,
        maximum=100_000,
    ),
    Setting(
        "concurrency",
        ("KNOW_INGEST_CONCURRENCY",),
        0,
        "Processes that read files; 0 is one per core.",
        minimum=0,
        maximum=1_024,
    ),
    Setting(
        "workers",
        ("KNOW_INGEST_WORKERS",),
        "",
        "Ray cluster that reads files, and runs local models: `ray:auto` or `ray://host:port`; "
        "empty is this machine.",
    ),
    Setting(
        "shared_files",
        ("KNOW_RAY_SHARED_FILES",),
        False,
        "The nodes of the Ray cluster have the files at the same paths, and read them there.",
    ),
    Setting(
        "file_timeout",
        ("KNOW_FILE_TIMEOUT",),
        120.0,
        "Time limit for reading one file, in seconds; 5 more are allowed for each MiB.",
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
        "Maximum text read from one file, in MiB.",
        minimum=1,
        maximum=MAX_MIB,
    ),
    Setting(
        "max_unpacked_size",
        ("KNOW_MAX_UNPACKED_SIZE",),
        1024,
        "Maximum unpacked size of the members of one archive, in MiB.",
        minimum=1,
        maximum=MAX_MIB,
    ),
    Setting(
        "file_memory",
        ("KNOW_FILE_MEMORY",),
        2048,
        "Memory limit for reading one file, in MiB; 0 is no limit.",
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
        "How much of a web page to keep: main, without navigation and banners, or full.",
        choices=("main", "full"),
    ),
    Setting(
        "ocr",
        ("KNOW_OCR",),
        "auto",
        "Recognise text in images: off, auto (pages and images without text) or always.",
        choices=("off", "auto", "always"),
    ),
    Setting(
        "passwords_file",
        ("KNOW_PASSWORDS_FILE",),
        "",
        "File with one password per line, tried on protected documents.",
    ),
)
