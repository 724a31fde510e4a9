"""What an ingest takes and leaves out."""

from __future__ import annotations

from knowledge.settings.table.setting import MAX_MIB, MAX_SECONDS, Setting

INGESTION: tuple[Setting, ...] = (
    Setting(
        "ignore_file",
        ("KNOW_INGEST_IGNORE_FILE",),
        "",
        "File of gitignore patterns that ingest excludes.",
    ),
    Setting(
        "ignore_extensions",
        ("KNOW_INGEST_IGNORE_EXTENSIONS",),
        "",
        "Extensions that ingest excludes, separated by commas, such as .log,.tmp.",
    ),
    Setting(
        "ingest_metadata",
        ("KNOW_INGEST_METADATA",),
        "",
        "Metadata that an ingest stores with every file, such as team=support,year=2024.",
    ),
    Setting(
        "include_hidden",
        ("KNOW_INGEST_INCLUDE_HIDDEN",),
        False,
        "Include hidden files and folders.",
    ),
    Setting(
        "include_generated",
        ("KNOW_INGEST_INCLUDE_GENERATED",),
        False,
        "Include what nobody wrote: lock files, source maps, minified and generated code.",
    ),
    Setting(
        "follow_links",
        ("KNOW_FOLLOW_LINKS",),
        True,
        "Follow symbolic links in folders, also out of them.",
    ),
    Setting(
        "gitignore",
        ("KNOW_INGEST_GITIGNORE",),
        "auto",
        "Respect .gitignore files: auto (inside Git work trees), on or off.",
        choices=("auto", "on", "off"),
        synonyms={"TRUE": "on", "1": "on", "YES": "on", "FALSE": "off", "0": "off", "NO": "off"},
    ),
    Setting(
        "allow_private_hosts",
        ("KNOW_ALLOW_PRIVATE_HOSTS",),
        False,
        "Allow URLs of hosts in private networks and of this machine.",
    ),
    Setting(
        "fetch_timeout",
        ("KNOW_FETCH_TIMEOUT",),
        300.0,
        "Time limit for fetching one page or repository, in seconds.",
        minimum=0.1,
        maximum=MAX_SECONDS,
    ),
    Setting(
        "max_repository_size",
        ("KNOW_MAX_REPOSITORY_SIZE",),
        2048,
        "Largest Git repository that is fetched (its files at one commit), in MiB.",
        minimum=1,
        maximum=MAX_MIB,
    ),
    Setting("no_recursive", ("KNOW_NO_INGEST_RECURSIVE",), False, "Do not read subfolders."),
    Setting(
        "prune",
        ("KNOW_INGEST_PRUNE",),
        False,
        "Remove from the dataset what no longer exists in the folders.",
    ),
    Setting(
        "no_create_dataset",
        ("KNOW_INGEST_NO_CREATE_DATASET",),
        False,
        "Make ingest fail if the dataset does not exist.",
    ),
    Setting(
        "err_on_unsupported_file",
        ("KNOW_INGEST_ERR_ON_UNSUPPORTED_FILE",),
        False,
        "Count unsupported files as failed.",
    ),
    Setting(
        "checkpoint_seconds",
        ("KNOW_CHECKPOINT_SECONDS",),
        180.0,
        "Interval at which a long ingest publishes its finished files, in seconds.",
        minimum=1,
        maximum=MAX_SECONDS,
    ),
)
