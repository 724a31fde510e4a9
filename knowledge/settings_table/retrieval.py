"""How a question is answered."""

from __future__ import annotations

from knowledge.settings_table.setting import Setting

RETRIEVAL: tuple[Setting, ...] = (
    Setting("top_k", ("KNOW_TOP_K",), 10, "Passages that retrieve returns.", minimum=1),
)
