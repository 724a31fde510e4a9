"""Embeddings and the list of models.

https://platform.openai.com/docs/api-reference/embeddings: ``input`` is a text, a list of texts, the
ids of tokens or a list of such; OpenAI's own clients ask for base64, little-endian float32.
"""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from knowledge.errors import UsageError
from knowledge.server.gathering import FEW
from knowledge.server.openai.exchange import body_of, needed, replied, route

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.knowledge_base import KnowledgeBase
    from knowledge.server.server import Server

MOST_INPUTS = 2_048
MOST_DIMENSIONS = 65_536
_FIELDS = {
    "input": (str, list),
    "model": str,
    "encoding_format": str,
    "dimensions": int,
    "user": str,
}


def routes(server: Server) -> list[Route]:
    """Return the routes, with and without the version."""
    found = []
    for base in ("/v1", ""):
        found += [
            route(server, f"{base}/embeddings", "POST", _embeddings),
            route(server, f"{base}/models", "GET", _models),
            route(server, f"{base}/models/{{model:path}}", "GET", _model),
        ]
    return found


async def _embeddings(server: Server, http: Request) -> Response:
    values = await body_of(http, _FIELDS)
    model = str(needed(values, "model"))
    form = values.get("encoding_format", "float")
    if form not in ("float", "base64"):
        raise UsageError(f"`encoding_format` must be float or base64, not {form[:40]!r}")
    dimensions = values.get("dimensions")
    if dimensions is not None and not 1 <= dimensions <= MOST_DIMENSIONS:
        raise UsageError(f"`dimensions` must be from 1 to {MOST_DIMENSIONS:,}, not {dimensions}")
    given = needed(values, "input")
    few = isinstance(given, str) or len(given) <= FEW
    texts = texts_of(given) if few else await asyncio.to_thread(texts_of, given)
    vectors, counts = await server.models.embed(model, dimensions, texts)

    def written() -> bytes:
        import orjson  # writes an array of numbers in a thirtieth of the time

        tokens = sum(counts)
        content = {
            "object": "list",
            "data": [
                {"object": "embedding", "index": index, "embedding": _encoded(vector, form)}
                for index, vector in enumerate(vectors)
            ],
            "model": model,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
        return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)

    content = written() if few else await asyncio.to_thread(written)
    return Response(content, media_type="application/json")


def texts_of(given: Any) -> list[str]:
    """Return the texts of an ``input``.

    Raises
    ------
    UsageError
        It is none of the forms, is empty, or has token ids that can't be decoded here.
    """
    if isinstance(given, str):
        given = [given]
    if not given:
        raise UsageError("`input` is empty")
    if all(type(one) is int for one in given):
        given = [given]
    if len(given) > MOST_INPUTS:
        raise UsageError(f"`input` has more than {MOST_INPUTS:,} items: {len(given):,}")
    texts = [one if isinstance(one, str) else _decoded(one) for one in given]
    blank = next((number for number, text in enumerate(texts) if not text.strip()), None)
    if blank is not None:
        raise UsageError(f"`input` has a blank text: item {blank}")
    return texts


def _decoded(tokens: Any) -> str:
    from knowledge.embeddings.providers.openai_tokens import ENCODING, text_of_tokens

    if not isinstance(tokens, list) or not all(type(one) is int for one in tokens) or not tokens:
        raise UsageError("`input` must be a text, texts, token ids or lists of token ids")
    try:
        text = text_of_tokens(tokens)
    except ValueError as error:
        raise UsageError(f"`input`: {error}") from error
    if text is None:
        raise UsageError(
            f"`input` has token ids, and tiktoken's encoding {ENCODING} is not on the server",
            hint="Send texts: LangChain's OpenAIEmbeddings does with "
            "check_embedding_ctx_length=False.",
        )
    return text


def _encoded(vector: NDArray[np.float32], form: str) -> str | NDArray[np.float32]:
    if form == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")
    return vector


async def _models(server: Server, http: Request) -> Response:
    del http
    names = await server.bases.run(server.models.names)
    data = [_described(name, provider) for name, provider in names.items()]
    return replied({"object": "list", "data": data})


async def _model(server: Server, http: Request) -> Response:
    asked = unquote(http.path_params["model"])

    def find(kb: KnowledgeBase) -> dict[str, Any]:
        name = server.models.resolve(kb, asked)
        return _described(name, server.models.names(kb)[name])

    return replied(await server.bases.run(find))


def _described(name: str, provider: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": provider}
