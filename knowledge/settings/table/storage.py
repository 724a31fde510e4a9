"""Where things are kept, and how long to wait for them."""

from __future__ import annotations

from knowledge.settings.table.setting import MAX_SECONDS, Setting

STORAGE: tuple[Setting, ...] = (
    Setting("data_dir", ("KNOW_DATA_DIR",), "", "Data folder; empty is the platform's own."),
    Setting(
        "config_file",
        ("KNOW_CONFIG_FILE",),
        "",
        "Read this file instead of knowledge.yaml in the working directory.",
    ),
    Setting("dataset", ("KNOW_DATASET",), "default", "Dataset of commands that take one."),
    Setting(
        "lock_timeout",
        ("KNOW_LOCK_TIMEOUT",),
        60.0,
        "Seconds to wait for another writer.",
        minimum=0,
        maximum=MAX_SECONDS,
    ),
    Setting(
        "trust_project",
        ("KNOW_TRUST_PROJECT",),
        False,
        "Trust the working directory's .env and knowledge.yaml with endpoints.",
    ),
)
