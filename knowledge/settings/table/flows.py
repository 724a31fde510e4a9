"""Which flow reads files and answers questions."""

from __future__ import annotations

from knowledge.settings.table.setting import Setting

FLOWS: tuple[Setting, ...] = (
    Setting(
        "flows_file",
        ("KNOW_FLOWS_FILE",),
        "",
        "File of flows, YAML or JSON, or blueprint:NAME; empty is our own way.",
    ),
    Setting(
        "flow",
        ("KNOW_FLOW",),
        "",
        "Flow of KNOW_FLOWS_FILE; empty is the dataset's own, else the default one.",
    ),
)
