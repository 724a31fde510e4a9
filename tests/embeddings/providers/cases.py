"""Each provider with a server that speaks its protocol, for tests that hold for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.embeddings.providers.conftest import KEY
from tests.embeddings.providers.google_server import GeminiServer, VertexServer
from tests.embeddings.providers.ollama_server import OllamaServer
from tests.embeddings.providers.server import (
    CohereServer,
    JinaServer,
    LMStudioServer,
    LocalAIServer,
    MistralServer,
    MixedbreadServer,
    ServiceServer,
    VoyageServer,
)
from tests.embeddings.providers.space_server import SpaceServer
from tests.embeddings.providers.tei_server import TeiServer


@dataclass(frozen=True)
class Case:
    """A provider, and how it is pointed at a server.

    Parameters
    ----------
    environ:
        Variables for a server's root URL.
    key:
        The variable that names the key; hints must name it.
    sizes:
        True where dimensions can be asked for.
    events:
        True where the answer is not that of the request that carries the texts.
    """

    provider: str
    server: Callable[..., ServiceServer]
    environ: Callable[[str], Mapping[str, str]]
    key: str
    sizes: bool = True
    events: bool = False

    def variables(self, server: ServiceServer) -> dict[str, str]:
        """Return the environment for a server, the key included."""
        return {self.key: KEY, **self.environ(server.root_url)}


def _plain(provider: str, server: Callable[..., ServiceServer], key: str) -> Case:
    variable = f"{provider.upper()}_BASE_URL"
    return Case(provider, server, lambda root: {variable: root}, key)


def _space(provider: str, gradio: str) -> Case:
    instruct = provider == "spaces_instruct"

    def server(**options):
        return SpaceServer(gradio=gradio, instruct=instruct, **options)

    return Case(
        provider,
        server,
        lambda root: {"SPACES_URL": root},
        "SPACES_KEY",
        sizes=False,
        events=gradio[0] != "3",
    )


CASES = [
    _plain("ollama", OllamaServer, "OLLAMA_API_KEY"),
    _plain("localai", LocalAIServer, "LOCALAI_API_KEY"),
    _plain("lmstudio", LMStudioServer, "LMSTUDIO_API_KEY"),
    _plain("tei", TeiServer, "TEI_API_KEY"),
    _plain("cohere", CohereServer, "COHERE_API_KEY"),
    _plain("jina", JinaServer, "JINA_API_KEY"),
    _plain("mistral", MistralServer, "MISTRAL_API_KEY"),
    _plain("mixedbread", MixedbreadServer, "MXBAI_API_KEY"),
    _plain("voyage", VoyageServer, "VOYAGE_API_KEY"),
    _plain("gemini", GeminiServer, "GEMINI_API_KEY"),
    Case(
        "vertex",
        VertexServer,
        lambda root: {"VERTEX_API_ENDPOINT": root, "VERTEX_PROJECT": "p-1"},
        "VERTEX_API_KEY",
    ),
    _space("spaces_text", "3.50.2"),
    _space("spaces_text", "4.44.0"),
    _space("spaces_text", "5.1.0"),
    _space("spaces_instruct", "3.50.2"),
    _space("spaces_instruct", "5.1.0"),
]
NAMES = [f"{case.provider}{number}" for number, case in enumerate(CASES)]
