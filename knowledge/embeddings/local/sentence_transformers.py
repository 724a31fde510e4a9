"""Models of the sentence-transformers library, by PyTorch, ONNX Runtime or OpenVINO.

The model's own prompts for questions and documents are used where it has them.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from knowledge.embeddings.embedder import Embeddings
from knowledge.embeddings.local.extras import need_library
from knowledge.embeddings.local.hub import downloading, hub_file, knows
from knowledge.embeddings.local.local import LocalEmbedder, asked, check_lengths, wanted_dimensions
from knowledge.embeddings.local.model_identity import folder_hash
from knowledge.embeddings.local.transformer_files import Prompts, read_prompts
from knowledge.embeddings.model_name import local_or_hub, only_known, parse_model_name
from knowledge.errors import UntrustedEndpointError, UsageError
from knowledge.extras import install_command
from knowledge.model import EmbedderSpec
from knowledge.settings.trust import is_trusted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from knowledge.settings.reading import Settings

MODEL = "sentence-transformers/all-MiniLM-L6-v2"

_EXTRA = "sentence-transformers"
_ARGUMENTS = ("revision", "file_name")
_PROMPTS_FILE = "config_sentence_transformers.json"
_MODULES = "modules.json"
_CODE = "sentence_transformers_trust_remote_code"


class SentenceTransformersEmbedder(LocalEmbedder):
    """Runs one model of the library.

    Parameters
    ----------
    name:
        A folder or a hub's name.
    folder:
        The folder, where it is one.
    arguments:
        ``revision``, and ``file_name`` of the weights within the model.
    options:
        Keyword arguments of ``SentenceTransformer``: device, backend, trust_remote_code.
    threads:
        PyTorch's; 0 leaves them.
    """

    load_hint = (
        "Check the model's name; without a network, name a folder that has it: "
        "sentence-transformers:./FOLDER"
    )

    def __init__(
        self,
        spec: EmbedderSpec,
        name: str,
        folder: Path | None,
        arguments: Mapping[str, Any],
        *,
        options: Mapping[str, Any],
        threads: int = 0,
    ) -> None:
        super().__init__(spec)
        self._name = name
        self._folder = folder
        self._arguments = arguments
        self._options = options
        self._threads = threads

    @classmethod
    def from_settings(
        cls, settings: Settings, *, model: str | None = None, dimensions: int | None = None
    ) -> Self:
        """Create the embedder; the model is loaded at the first text.

        Raises
        ------
        UsageError
            A library is not installed, or the folder does not exist.
        UntrustedEndpointError
            The working directory asks to run the model's own code.
        """
        provider = _EXTRA
        need_library(
            "sentence_transformers", extra=provider, user=f"the embedding provider {provider}"
        )
        dimensions = wanted_dimensions(settings, dimensions)
        given, arguments = parse_model_name(model or MODEL)
        only_known(arguments, _ARGUMENTS, provider)
        folder = local_or_hub(given, provider)
        name = str(folder) if folder else given
        spec = EmbedderSpec(
            provider,
            (model or MODEL).replace(given, name, 1),
            dimensions,
            asked(dimensions, files=folder_hash(folder) if folder else None),
        )
        return cls(
            spec,
            name,
            folder,
            arguments,
            options=_options(settings),
            threads=settings["local_model_threads"],
        )

    @property
    def own_instructions(self) -> bool:  # type: ignore[override]
        """True when the model's files have prompts for questions or documents."""
        return bool(self._prompts)

    def load(self) -> Any:
        """Load the folder, or what was downloaded; download it otherwise."""
        import torch
        from transformers.utils import logging

        logging.disable_progress_bar()
        if self._threads:
            torch.set_num_threads(self._threads)
        model = self._cached_or_downloaded()
        longest = model.get_max_seq_length()
        usable = isinstance(longest, int) and 0 < longest < 10_000_000
        self.max_input_tokens = longest if usable else None
        return model

    def _cached_or_downloaded(self) -> Any:
        revision = self._arguments.get("revision")
        # Where it can't get the list of modules, the library takes a pooling of its own choice.
        if self._folder is not None or knows(self._name, _MODULES, revision):
            try:
                return self._open(local_files_only=True)
            except (OSError, ValueError, TypeError):
                if self._folder is not None:
                    raise
        hub_file(self._name, _MODULES, revision)
        self.notify(downloading(self._name))
        return self._open(local_files_only=False)

    def _open(self, *, local_files_only: bool) -> Any:
        from sentence_transformers import SentenceTransformer

        more: dict[str, Any] = {}
        if "file_name" in self._arguments:
            more["model_kwargs"] = {"file_name": self._arguments["file_name"]}
        return SentenceTransformer(
            self._name,
            revision=self._arguments.get("revision"),
            truncate_dim=self.spec.options.get("dimensions"),
            local_files_only=local_files_only,
            **self._options,
            **more,
        )

    def run(self, model: Any, texts: list[str], *, query: bool) -> Embeddings:
        """Embed texts as questions or documents, in one batch."""
        import numpy as np

        prompt = self._prompts.query if query else self._prompts.document
        tokens = self._count(model, [prompt + text for text in texts])
        encode = model.encode_query if query else model.encode_document
        vectors = encode(texts, batch_size=len(texts), show_progress_bar=False)
        return Embeddings(np.asarray(vectors, np.float32), tokens)

    def _count(self, model: Any, texts: list[str]) -> int | None:
        """Count tokens, and refuse a text that the library would cut."""
        if not callable(model.tokenizer):
            return None
        encoded = model.tokenizer(texts, truncation=False, verbose=False)
        lengths = [len(ids) for ids in encoded["input_ids"]]
        check_lengths(lengths, self.max_input_tokens, self._name)
        return sum(lengths)

    @cached_property
    def _prompts(self) -> Prompts:
        if self._folder is not None:
            return read_prompts(self._folder)
        return _hub_prompts(self._name, self._arguments.get("revision"))


def _options(settings: Settings) -> dict[str, Any]:
    backend = str(settings["sentence_transformers_backend"]).lower()
    if backend != "torch":
        need = "optimum.intel" if backend == "openvino" else "optimum.onnxruntime"
        if not _is_there(need):
            raise UsageError(
                f"the backend {backend} of sentence-transformers is not installed",
                hint=f"Install it: {install_command(_EXTRA, f'{_EXTRA}[{backend}]')}",
            )
    origin = settings.origin(_CODE)
    if settings[_CODE] and origin.of_folder and not is_trusted(settings):
        raise UntrustedEndpointError(
            f"{origin} in {settings.folder} asks to run code that comes with a model: {_CODE}"
        )
    return {
        "device": settings["sentence_transformers_device"] or None,
        "backend": backend,
        "trust_remote_code": settings[_CODE],
    }


def _is_there(module: str) -> bool:
    from importlib.util import find_spec

    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _hub_prompts(name: str, revision: str | None) -> Prompts:
    """Read a hub model's prompts, from the cache or else from the hub: one small file."""
    try:
        path = hub_file(name, _PROMPTS_FILE, revision)
    except Exception:  # noqa: BLE001 - loading the model meets the same, and tells it
        return Prompts()
    return read_prompts(path.parent) if path else Prompts()
