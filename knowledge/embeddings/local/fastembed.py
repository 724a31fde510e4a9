"""The models of the fastembed library: quantised transformers on ONNX Runtime.

``fastembed:MODEL`` is downloaded at its first use; ``fastembed:MODEL?path=FOLDER`` reads a folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from knowledge.embeddings.embedder import Embeddings
from knowledge.embeddings.local.extras import need_library
from knowledge.embeddings.local.hub import ask_hub, downloading
from knowledge.embeddings.local.local import (
    LocalEmbedder,
    asked,
    check_lengths,
    shortened,
    wanted_dimensions,
)
from knowledge.embeddings.local.model_identity import folder_hash
from knowledge.embeddings.model_name import absolute, only_known, parse_model_name
from knowledge.errors import RemoteError, UntrustedEndpointError, UsageError
from knowledge.model import EmbedderSpec
from knowledge.settings.trust import may_not_name
from knowledge.settings.user_folders import user_folder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from knowledge.settings.reading import Settings

MODEL = "BAAI/bge-small-en-v1.5"
"""The library's own default."""


class FastEmbedEmbedder(LocalEmbedder):
    """Runs one of fastembed's models.

    Parameters
    ----------
    name:
        A model that the library knows.
    folder:
        Where its files lie; ``None`` to have the library download them.
    cache, threads, providers:
        As the library takes them.
    """

    load_hint = (
        "Without a network, name a folder that has the files: fastembed:MODEL?path=FOLDER, "
        "or use the bundled offline model: `embedding_model_provider` static"
    )

    def __init__(
        self,
        spec: EmbedderSpec,
        name: str,
        folder: Path | None,
        *,
        cache: str,
        threads: int = 0,
        providers: tuple[str, ...] = (),
    ) -> None:
        super().__init__(spec)
        self.own_instructions = "jina-embeddings-v3" in name.lower()
        self._name = name
        self._folder = folder
        self._cache = cache
        self._threads = threads
        self._providers = providers

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
        need_library("fastembed", extra="fastembed", user="the embedding provider fastembed")
        dimensions = wanted_dimensions(settings, dimensions)
        name, arguments = parse_model_name(model or MODEL)
        only_known(arguments, ("path",), "fastembed")
        folder = absolute(str(arguments["path"])) if arguments else None
        if folder is not None and not folder.is_dir():
            raise UsageError(f"there is no model folder {folder}", hint="Check the path.")
        files = folder_hash(folder) if folder else None
        spec = EmbedderSpec(
            "fastembed",
            f"{name}?path={_quoted(folder)}" if folder else name,
            dimensions,
            asked(dimensions, files=files),
        )
        return cls(
            spec,
            name,
            folder,
            cache=cache_folder(settings),
            threads=settings["local_model_threads"],
            providers=tuple(p.strip() for p in settings["onnx_providers"].split(",") if p),
        )

    def load(self) -> Any:
        """Let the library find or download the model."""
        from fastembed import TextEmbedding
        from loguru import logger

        logger.disable("fastembed")  # it would print; errors are raised as well
        known = {model["model"].lower(): model for model in TextEmbedding.list_supported_models()}
        if self._name.lower() not in known:
            raise _unknown(self._name, known)
        if self._folder:
            model = self._open(specific_model_path=str(self._folder))
        else:
            model = self._cached_or_downloaded(known[self._name.lower()]["sources"].get("hf"))
        tokenizer = getattr(model.model, "tokenizer", None)
        limit = (getattr(tokenizer, "truncation", None) or {}).get("max_length")
        self.max_input_tokens = limit
        return model

    def _cached_or_downloaded(self, source: str | None) -> Any:
        try:
            return self._open(local_files_only=True)
        except ValueError:
            if source:
                ask_hub(source)  # the library would wait 39 seconds without a network
            self.notify(downloading(source or self._name))
            return self._open()

    def _open(self, **options: Any) -> Any:
        from fastembed import TextEmbedding

        return TextEmbedding(
            self._name,
            cache_dir=self._cache,
            threads=self._threads or None,
            providers=list(self._providers) or None,
            **options,
        )

    def run(self, model: Any, texts: list[str], *, query: bool) -> Embeddings:
        """Embed texts as the library embeds questions or passages."""
        import numpy as np

        tokens = self._count(model, texts)
        made = model.query_embed(texts) if query else model.passage_embed(texts)
        vectors = np.stack([np.asarray(vector, np.float32) for vector in made])
        return Embeddings(shortened(vectors, self.spec.options.get("dimensions")), tokens)

    def _count(self, model: Any, texts: list[str]) -> int | None:
        """Count tokens, and refuse a text that the library would cut."""
        tokenizer = getattr(model.model, "tokenizer", None)
        if tokenizer is None:
            return None
        lengths: list[int] = [
            sum(encoding.attention_mask) + sum(map(_own_tokens, encoding.overflowing))
            for encoding in tokenizer.encode_batch(texts)
        ]
        check_lengths(lengths, self.max_input_tokens, self._name)
        return sum(lengths)


def _own_tokens(encoding: Any) -> int:
    """Count tokens, padding and special tokens left out."""
    pairs = zip(encoding.attention_mask, encoding.special_tokens_mask, strict=True)
    return sum(1 for mask, special in pairs if mask and not special)


def cache_folder(settings: Settings) -> str:
    """Return the folder of the library's downloads, whose files are taken for what was downloaded.

    The library's own default is emptied with temporary files; ours stays.

    Raises
    ------
    UntrustedEndpointError
        The working directory names the folder, and is not trusted.
    """
    name = "fastembed_cache"
    if settings.is_set(name) and may_not_name(settings, name):
        raise UntrustedEndpointError(
            f"{settings.origin(name)} in {settings.folder} names a folder of models to open: {name}"
        )
    return str(settings[name]) or str(user_folder("cache") / "fastembed")


def _quoted(path: Path) -> str:
    return str(path).replace("%", "%25").replace("&", "%26")


def _unknown(name: str, known: Iterable[str]) -> RemoteError:
    import difflib

    near = difflib.get_close_matches(name.lower(), list(known), n=3, cutoff=0.0)
    return RemoteError(
        f"fastembed has no model {name!r}", hint=f"The nearest names are {', '.join(near)}."
    )
