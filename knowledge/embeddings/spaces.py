"""Hugging Face Spaces that embed texts, alone or each with an instruction.

A Space takes one data frame and gives one: for texts a row with a column for each, for texts with
instructions a row of two for each; back comes a row of numbers for each text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import SplitResult

from knowledge.embeddings.answers import read_rows
from knowledge.embeddings.embedder import Embeddings
from knowledge.embeddings.endpoint import Endpoint, Variables, keyed_endpoint, split_address
from knowledge.embeddings.gradio import GradioApp
from knowledge.embeddings.hosted import HostedEmbedder, Purpose, common_settings
from knowledge.embeddings.instructed import DOCUMENT, QUERY
from knowledge.embeddings.instructions import Instructions, chosen
from knowledge.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from knowledge.settings import Settings

_VARIABLES = Variables("SPACES_URL", "SPACES_KEY", "SPACES_URL")
_CHECK = "Check SPACES_URL, and SPACES_KEY where the Space is private."
_ADVICE = {401: _CHECK, 404: _CHECK}
_INSTRUCTOR = "instructor-large"
"""The model whose instructions are the default: such Spaces run one of its family."""


class SpacesTextEmbedder(HostedEmbedder):
    """Embeds texts through a Space."""

    name: ClassVar[str] = "spaces_text"

    def __init__(self, endpoint: Endpoint, **common: Any) -> None:
        super().__init__(endpoint, **common)
        self._app = GradioApp(self._client, self._failures)

    @classmethod
    def from_settings(
        cls, settings: Settings, *, model: str | None = None, dimensions: int | None = None
    ) -> Self:
        """Create the embedder from the ``spaces_*`` settings; nothing is sent yet.

        Parameters
        ----------
        model:
            What a dataset recorded for the Space; the address comes from SPACES_URL alone.

        Raises
        ------
        UsageError
            SPACES_URL is not set or can't be used, or dimensions are asked for.
        """
        if dimensions:
            raise UsageError("a Space gives vectors of its own size, and takes no dimensions")
        given = space_address(str(settings["spaces_url"]))
        endpoint = keyed_endpoint(
            cls.name,
            given,
            path=given.path.rstrip("/"),
            model=model or given.netloc.rpartition("@")[2] + given.path.rstrip("/"),
            key=str(settings["spaces_key"]),
            official=False,
            variables=_VARIABLES,
            advice=_ADVICE,
        )
        return cls._of(endpoint, settings)

    @classmethod
    def _of(cls, endpoint: Endpoint, settings: Settings) -> Self:
        return cls(endpoint, timeout=common_settings(settings, None)["timeout"])

    def _ask(self, texts: Sequence[str], purpose: Purpose) -> Embeddings:
        found = self._app.predict(self._frame(texts, purpose), texts=len(texts))
        return Embeddings(read_rows(found.get("data") if isinstance(found, dict) else found))

    def _frame(self, texts: Sequence[str], purpose: Purpose) -> dict[str, Any]:
        del purpose
        columns = range(len(texts))
        # Gradio 4 takes names of columns that are texts, Gradio 3 either.
        headers = [str(column) for column in columns] if self._app.takes_events else [*columns]
        return {"headers": headers, "data": [list(texts)]}


class SpacesInstructEmbedder(SpacesTextEmbedder):
    """Embeds texts, each with an instruction beside it, through a Space."""

    name: ClassVar[str] = "spaces_instruct"
    own_instructions = True

    def __init__(self, endpoint: Endpoint, *, words: Instructions, **common: Any) -> None:
        options = {QUERY: words.query, DOCUMENT: words.document}
        super().__init__(endpoint, options=options, **common)
        self._words = {Purpose.QUERY: words.query, Purpose.DOCUMENT: words.document}

    @classmethod
    def _of(cls, endpoint: Endpoint, settings: Settings) -> Self:
        words = chosen(_INSTRUCTOR, query=settings[QUERY], document=settings[DOCUMENT])
        return cls(endpoint, words=words, timeout=common_settings(settings, None)["timeout"])

    def _frame(self, texts: Sequence[str], purpose: Purpose) -> dict[str, Any]:
        pairs = [[self._words[purpose], text] for text in texts]
        return {"headers": ["instruction", "text"], "data": pairs}


def space_address(given: str) -> SplitResult:
    """Return the address of a Space that is named by a URL or as ``owner/name``.

    Raises
    ------
    UsageError
        It is neither, or empty.
    """
    given = given.strip()
    if not given:
        raise UsageError(
            "SPACES_URL is not set",
            hint="Set it to the Space: its URL, or owner/name as on huggingface.co.",
        )
    if re.fullmatch(r"[\w.-]+/[\w.-]+", given):
        # Hugging Face serves the Space owner/name at this host.
        given = f"https://{re.sub(r'[^a-z0-9]+', '-', given.lower()).strip('-')}.hf.space"
    return split_address(given, _VARIABLES.url)
