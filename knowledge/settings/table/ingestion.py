"""What an ingest takes and leaves out."""

from __future__ import annotations

from knowledge.settings.table.setting import MAX_MIB, MAX_SECONDS, Setting

INGESTION: tuple[Setting, ...] = (
    Setting(
        "ignore_file",
        ("KNOW_INGEST_IGNORE_FILE",),
        "",
        "File of gitignore lines: what ingest leaves out.",
    ),
    Setting(
        "ignore_extensions",
        ("KNOW_INGEST_IGNORE_EXTENSIONS",),
        "",
        "Extensions that ingest leaves out, with commas between.",
    ),
    Setting(
        "include_hidden",
        ("KNOW_INGEST_INCLUDE_HIDDEN",),
        False,
        "Take hidden files and folders too.",
    ),
    Setting(
        "follow_links",
        ("KNOW_FOLLOW_LINKS",),
        True,
        "Take what symbolic links in folders lead to, also outside of them.",
    ),
    Setting(
        "gitignore",
        ("KNOW_INGEST_GITIGNORE",),
        "auto",
        "Leave out what .gitignore files name: auto (inside Git work trees), on or off.",
        choices=("auto", "on", "off"),
        synonyms={"TRUE": "on", "1": "on", "YES": "on", "FALSE": "off", "0": "off", "NO": "off"},
    ),
    Setting(
        "allow_private_hosts",
        ("KNOW_ALLOW_PRIVATE_HOSTS",),
        False,
        "Let URLs lead to hosts of private networks and to this machine.",
    ),
    Setting(
        "fetch_timeout",
        ("KNOW_FETCH_TIMEOUT",),
        300.0,
        "Seconds that fetching one page or repository may take.",
        minimum=0.1,
        maximum=MAX_SECONDS,
    ),
    Setting(
        "max_repository_size",
        ("KNOW_MAX_REPOSITORY_SIZE",),
        2048,
        "Largest Git repository that is fetched, in MiB: its files at one commit.",
        minimum=1,
        maximum=MAX_MIB,
    ),
    Setting("no_recursive", ("KNOW_NO_INGEST_RECURSIVE",), False, "Leave out sub-folders."),
    Setting(
        "prune",
        ("KNOW_INGEST_PRUNE",),
        False,
        "Remove from the dataset what is gone from the folders of an ingest.",
    ),
    Setting(
        "no_create_dataset",
        ("KNOW_INGEST_NO_CREATE_DATASET",),
        False,
        "Let ingest fail when the dataset does not exist.",
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
        "Seconds after which a long ingest publishes what it has.",
        minimum=1,
        maximum=MAX_SECONDS,
    ),
)
