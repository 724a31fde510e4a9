"""The table of all settings: names, variables, defaults, help."""

from __future__ import annotations

from knowledge.settings_table.chat import CHAT
from knowledge.settings_table.documents import DOCUMENTS
from knowledge.settings_table.embeddings import EMBEDDINGS
from knowledge.settings_table.flows import FLOWS
from knowledge.settings_table.ingestion import INGESTION
from knowledge.settings_table.local_models import LOCAL_MODELS
from knowledge.settings_table.providers import PROVIDERS
from knowledge.settings_table.retrieval import RETRIEVAL
from knowledge.settings_table.setting import Setting
from knowledge.settings_table.storage import STORAGE

__all__ = ["TABLE", "Setting"]

TABLE: tuple[Setting, ...] = (
    *STORAGE,
    *INGESTION,
    *DOCUMENTS,
    *EMBEDDINGS,
    *PROVIDERS,
    *LOCAL_MODELS,
    *CHAT,
    *FLOWS,
    *RETRIEVAL,
)
