"""Which flow reads files and answers questions."""

from __future__ import annotations

from knowledge.settings.table.setting import Setting

FLOWS: tuple[Setting, ...] = (
    Setting(
        "flows_file",
        ("KNOW_FLOWS_FILE",),
        "",
        "File of flows (YAML or JSON), or blueprint:NAME; default: no flow.",
    ),
    Setting(
        "flow",
        ("KNOW_FLOW",),
        "",
        "Flow of the file of flows; default: the dataset's own flow, else the default flow.",
    ),
)
