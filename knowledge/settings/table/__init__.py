"""The table of all settings: names, variables, defaults, help."""

from __future__ import annotations

from knowledge.settings.table.chat import CHAT
from knowledge.settings.table.documents import DOCUMENTS
from knowledge.settings.table.embeddings import EMBEDDINGS
from knowledge.settings.table.flows import FLOWS
from knowledge.settings.table.ingestion import INGESTION
from knowledge.settings.table.local_models import LOCAL_MODELS
from knowledge.settings.table.providers import PROVIDERS
from knowledge.settings.table.retrieval import RETRIEVAL
from knowledge.settings.table.server import SERVER
from knowledge.settings.table.setting import Setting
from knowledge.settings.table.storage import STORAGE

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
    *SERVER,
)
