"""Which embedder a dataset gets: the one it recorded, or the one the settings ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knowledge.embeddings.registry import (
    create_embedder,
    default_provider,
    embedder_for,
    parse_model,
)
from knowledge.errors import ModelMismatchError
from knowledge.trust import check_endpoint

if TYPE_CHECKING:
    from knowledge.embeddings.embedder import Embedder
    from knowledge.model import Dataset
    from knowledge.settings import Settings


def choose_embedder(dataset: Dataset | None, settings: Settings) -> Embedder:
    """Return the dataset's own embedder, or the one the settings ask for when it has none.

    Raises
    ------
    ModelMismatchError
        The settings ask for another model than the dataset's.
    UntrustedEndpointError
        The working directory may not name this endpoint.
    """
    own = dataset.embedding if dataset is not None else None
    provider, model = parse_model(default_provider(settings))
    if own is None or dataset is None:
        check_endpoint(settings, provider)
        return create_embedder(provider, settings=settings, model=model)
    if settings.is_set("embedding_model_provider"):
        check_endpoint(settings, provider)
        asked = create_embedder(provider, settings=settings, model=model).spec
        if asked.fingerprint != own.fingerprint:
            raise ModelMismatchError(
                f"dataset {dataset.name!r} is embedded with {own}, not with {asked}",
                hint="Leave --embedding-model-provider out to use the dataset's own model, "
                "or ingest into a new dataset.",
            )
    return recorded_embedder(dataset, settings)


def recorded_embedder(dataset: Dataset, settings: Settings) -> Embedder:
    """Return the embedder that a dataset recorded.

    Raises
    ------
    UntrustedEndpointError
        The working directory may not name this endpoint.
    """
    assert dataset.embedding is not None
    check_endpoint(settings, dataset.embedding.provider)
    return embedder_for(dataset.embedding, settings)
