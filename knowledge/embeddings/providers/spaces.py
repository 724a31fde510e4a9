"""Hugging Face Spaces that embed texts, alone or each with an instruction.

A Space takes one data frame and gives one: for texts a row with a column for each, for texts with
instructions a row of two for each; back comes a row of numbers for each text.
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import SplitResult, quote

from knowledge.embeddings.embedder import Embeddings
from knowledge.embeddings.instructions import DOCUMENT, QUERY, Instructions, chosen
from knowledge.embeddings.providers.hosted import HostedEmbedder, Purpose, common_settings
from knowledge.errors import RemoteError, RemoteUnavailableError, UsageError
from knowledge.remote.answers import UnusableAnswerError, read_rows
from knowledge.remote.client import HttpClient, NoSuchRouteError
from knowledge.remote.endpoint import Endpoint, Variables, keyed_endpoint, split_address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from knowledge.remote.refusals import Failures
    from knowledge.settings.reading import Settings


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


API_NAME = "predict"


@dataclass(frozen=True, slots=True)
class Route:
    """One way to call an app.

    Parameters
    ----------
    path:
        Where the call goes.
    streams:
        True where the result comes as events.
    number:
        The function's number, which Gradio 3 may want.
    """

    path: str
    streams: bool
    number: int | None = None


_ANY_VERSION = (
    Route(f"/gradio_api/call/{API_NAME}", streams=True),
    Route(f"/call/{API_NAME}", streams=True),
    Route(f"/api/{API_NAME}", streams=False),
)


class GradioApp:
    """Calls the function ``predict`` of a Gradio app; may be used by several threads at once.

    Gradio 3 answers ``POST /api/predict``. Gradio 4 and newer take a call at ``/call/NAME``, below
    ``/gradio_api`` since version 5, and give its result as server-sent events:
    https://www.gradio.app/guides/querying-gradio-apps-with-curl
    """

    def __init__(self, client: HttpClient, failures: Failures) -> None:
        self._client = client
        self._failures = failures
        self._routes: tuple[Route, ...] = ()

    @property
    def takes_events(self) -> bool:
        """True from Gradio 4 on; asks the app for its version first.

        Raises
        ------
        RemoteError
            The app can't be asked.
        """
        return self._known_routes()[0].streams

    def predict(self, argument: Any, *, texts: int) -> Any:
        """Call the function with one argument and return its one result.

        Raises
        ------
        RemoteError, UnusableAnswerError
            The app refuses, fails or gives something else.
        """
        refused: NoSuchRouteError | None = None
        for route in self._known_routes():
            try:
                result = self._call(route, argument, texts)
            except NoSuchRouteError as error:
                refused = refused or error
                continue
            self._routes = (route,)
            return result
        assert refused is not None
        if "join the queue" in refused.message:
            refused.hint = _QUEUED
        raise refused

    def _call(self, route: Route, argument: Any, texts: int) -> Any:
        body: dict[str, Any] = {"data": [argument]}
        if not route.streams:
            body["session_hash"] = str(uuid.uuid4())
            if route.number is not None:
                body["fn_index"] = route.number
            return _only(self._client.post(route.path, body, texts=texts).get("data"))
        event = self._client.post(route.path, body, texts=texts).get("event_id")
        if not isinstance(event, str):
            raise UnusableAnswerError("answered a call without an event_id", _CHECK_APP)
        return self._result(f"{route.path}/{quote(event, safe='')}", texts)

    def _result(self, path: str, texts: int) -> Any:
        for name, data in self._client.events(path, texts=texts):
            if name == "complete":
                return _only(_parsed(data))
            if name == "error":
                raise self._failure(_parsed(data), texts)
        raise RemoteUnavailableError(
            f"{self._failures.who} ended its events without a result", hint="Try again later."
        )

    def _failure(self, said: Any, texts: int) -> RemoteError:
        """Judge an error event, whose text the app may hide."""
        text = said if isinstance(said, str) else json.dumps(said)
        shown = text if said else "an error that it does not describe"
        return self._failures.of_status(500, {}, json.dumps({"error": shown}), texts=texts)

    def _known_routes(self) -> tuple[Route, ...]:
        if not self._routes:
            self._routes = self._ask_routes()
        return self._routes

    def _ask_routes(self) -> tuple[Route, ...]:
        try:
            config = self._client.get("/config")
        except NoSuchRouteError:
            return _ANY_VERSION
        number = _number_of(config.get("dependencies"))
        prefix = str(config.get("api_prefix") or "").rstrip("/")
        plain = Route(f"{prefix}/api/{API_NAME}", streams=False, number=number)
        if _major(config) < 4:
            return (plain,)
        # The first releases of Gradio 4 did not know /call yet.
        return (Route(f"{prefix}/call/{API_NAME}", streams=True), plain)


_QUEUED = (
    "This app of Gradio 3 can be called through its web socket only. Its owner can open it to "
    "requests, by queue(api_open=True) or by Gradio 4 or newer."
)

_CHECK_APP = "Check that SPACES_URL is a Gradio app with a function named predict."


def _major(config: dict[str, Any]) -> int:
    if str(config.get("protocol") or "").startswith("sse"):
        return 4
    first = str(config.get("version") or "3").partition(".")[0]
    return int(first) if first.isdigit() else 3


def _number_of(dependencies: Any) -> int:
    """Return the number of the function named ``predict``.

    Raises
    ------
    UnusableAnswerError
        There is none.
    """
    listed = dependencies if isinstance(dependencies, list) else []
    names = [item.get("api_name") if isinstance(item, dict) else None for item in listed]
    if API_NAME not in names:
        known = ", ".join(str(name) for name in names if name) or "none"
        raise UnusableAnswerError(f"has no function named predict, but {known}", _CHECK_APP)
    return names.index(API_NAME)


def _only(data: Any) -> Any:
    """Return the first of the results, of which there must be one."""
    if not isinstance(data, list) or not data:
        raise UnusableAnswerError("answered without data", _CHECK_APP)
    return data[0]


def _parsed(data: str) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return data
