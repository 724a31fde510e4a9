"""A local model as another process or machine is told of it: plain values.

What may be loaded there was decided by the command: the other side gets the model's identity and
the settings that belong to it, and reads none of its own.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from knowledge.embeddings.provider import Place, find
from knowledge.settings.reading import Settings

if TYPE_CHECKING:
    from knowledge.embeddings.choice import Choice
    from knowledge.embeddings.embedder import Embedder
    from knowledge.model import EmbedderSpec


@dataclass(frozen=True, slots=True)
class PortableModel:
    """A model that runs wherever it is told to, on CPUs.

    Parameters
    ----------
    spec:
        Its identity.
    settings:
        Those of its provider that are set here; no secrets.
    """

    spec: EmbedderSpec
    settings: Mapping[str, Any]

    @classmethod
    def of(cls, choice: Choice) -> Self | None:
        """Return the model of a choice; ``None`` unless it runs in this process, on its CPUs."""
        spec, settings = choice.embedder.spec, choice.settings
        record = find(spec.provider)
        if record is None or record.place is not Place.MACHINE or _wants_gpu(settings):
            return None
        settings = settings.extended(record.settings)
        given = {
            name: settings[name]
            for name, row in record.profile_settings.items()
            if settings.is_set(name) and not row.secret
        }
        # One process of several has the share of a CPU; its libraries would take all they see.
        given["local_model_threads"] = settings["local_model_threads"] or 1
        return cls(spec, given)

    @classmethod
    def for_readers(cls, choice: Choice) -> Self | None:
        """Return the model of a choice for those who read files, where it is light enough.

        ``None`` also where its vectors are kept, or its requests a minute are limited: that is
        the pool's work.
        """
        record = find(choice.embedder.spec.provider)
        if record is None or not record.embeds_where_read or choice.embedder.cacheable:
            return None
        if choice.settings["embedding_rpm"] or choice.settings["embedding_tpm"]:
            return None
        return cls.of(choice)

    def open(self) -> Embedder:
        """Make the embedder; the settings of this machine do not count.

        Raises
        ------
        KnowledgeError
            A library or a file is missing, or the files are not those of the command.
        """
        from knowledge.embeddings.registry import embedder_for

        nowhere = Path(os.devnull)
        settings = Settings.read(environ={}, folder=nowhere, **self.settings)
        return embedder_for(self.spec, settings)


def embed_checked(embedder: Embedder, given: Sequence[str]) -> tuple[bytes, tuple[int, ...]]:
    """Return what a pool would make of texts, as plain values.

    These are unit vectors, float32 one after the other, and each text's tokens.

    Raises
    ------
    RemoteError
        The embedder fails, or an answer as a whole is of no use.
    ValueError
        A text is blank, its tokens are not counted, or its vector is of no use.
    """
    from knowledge.embeddings.pool.checks import check_answer
    from knowledge.embeddings.sendable import sendable

    spec = embedder.spec
    texts = [sendable(text) for text in given]
    vectors: list[bytes] = []
    tokens: list[int] = []
    for start in range(0, len(texts), embedder.max_batch):
        batch = texts[start : start + embedder.max_batch]
        answer = embedder.embed_documents(batch)
        checked = check_answer(
            answer.vectors, batch, dimensions=spec.dimensions, who=f"{spec.provider}:{spec.model}"
        )
        if checked.unusable or answer.counts is None:
            raise ValueError("not all of the answer is of use")
        vectors.append(checked.vectors.tobytes())
        tokens += answer.counts
    return b"".join(vectors), tuple(tokens)


def _wants_gpu(settings: Settings) -> bool:
    device = str(settings["sentence_transformers_device"]).lower()
    providers = str(settings["onnx_providers"])
    return bool(
        (device and device != "cpu")
        or (providers and providers != "CPUExecutionProvider")
        or settings["llama_cpp_gpu_layers"]
    )
