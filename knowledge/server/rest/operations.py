"""All operations of the REST face."""

from __future__ import annotations

from knowledge.server.rest import datasets, ingestion, questions, viewing

OPERATIONS = (
    *datasets.OPERATIONS,
    *ingestion.OPERATIONS,
    *questions.OPERATIONS,
    *viewing.OPERATIONS,
)
