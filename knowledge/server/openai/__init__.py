"""The OpenAI-compatible face: embeddings, models, rerank, files and vector stores.

Paths stand with and without ``/v1``, as LocalAI has them. Shapes are those of
https://platform.openai.com/docs/api-reference, and for rerank those of Jina, Cohere and Text
Embeddings Inference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from knowledge.server.face import Face
    from knowledge.server.server import Server


def face(server: Server) -> Face:
    """Return the face."""
    from knowledge.server.face import Face
    from knowledge.server.openai import embeddings, file_batches, files, rerank, vector_stores

    rooms = (embeddings, rerank, files, vector_stores, file_batches)
    return Face([one for room in rooms for one in room.routes(server)])
