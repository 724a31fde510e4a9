"""Static models of the model2vec library: token vectors, averaged; a folder or a hub's name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from knowledge.embeddings.embedder import Embeddings
from knowledge.embeddings.local.extras import need_library
from knowledge.embeddings.local.hub import downloading, knows
from knowledge.embeddings.local.local import LocalEmbedder, asked, shortened, wanted_dimensions
from knowledge.embeddings.local.model_identity import folder_hash
from knowledge.embeddings.model_name import is_path, local_or_hub
from knowledge.model import EmbedderSpec

if TYPE_CHECKING:
    from knowledge.settings.reading import Settings

MODEL = "minishlab/potion-base-8M"


class Model2VecEmbedder(LocalEmbedder):
    """Averages token vectors; texts may be of any length."""

    load_hint = (
        "Check the model's name; without a network, name a folder that has it: "
        "model2vec:./FOLDER, or use the bundled model: `embedding_model_provider` static"
    )

    def __init__(self, spec: EmbedderSpec) -> None:
        super().__init__(spec)
        self.cacheable = False

    @classmethod
    def from_settings(
        cls, settings: Settings, *, model: str | None = None, dimensions: int | None = None
    ) -> Self:
        """Create the embedder; the model is loaded at the first text.

        Raises
        ------
        UsageError
            The library is not installed, or the folder does not exist.
        """
        need_library("model2vec", extra="model2vec", user="the embedding provider model2vec")
        dimensions = wanted_dimensions(settings, dimensions)
        name = model or MODEL
        folder = local_or_hub(name, "model2vec")
        files = folder_hash(folder) if folder else None
        return cls(
            EmbedderSpec(
                "model2vec",
                str(folder) if folder else name,
                dimensions,
                asked(dimensions, files=files),
            )
        )

    def load(self) -> Any:
        """Read the folder, or what was downloaded; download it otherwise."""
        from model2vec import StaticModel

        if not is_path(self.spec.model) and not knows(self.spec.model, "config.json"):
            self.notify(downloading(self.spec.model))
        return StaticModel.from_pretrained(self.spec.model, force_download=False)

    def run(self, model: Any, texts: list[str], *, query: bool) -> Embeddings:
        """Embed texts whole: the library would cut them at 512 tokens."""
        import numpy as np

        del query
        vectors = model.encode(texts, max_length=None, use_multiprocessing=False)
        return Embeddings(
            shortened(np.asarray(vectors, np.float32), self.spec.options.get("dimensions"))
        )
