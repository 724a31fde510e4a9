"""What a server's refusals mean, whatever protocol it speaks.

Servers agree on the shape of success, not of failure: the same limit is a 400 here, a 413, a 422
or a 500 there, so that the words of the message decide together with the status.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from knowledge.errors import (
    RemoteAuthError,
    RemoteBatchTooLargeError,
    RemoteError,
    RemoteInputTooLongError,
    RemoteQuotaError,
    RemoteRateLimitError,
    RemoteResponseError,
    RemoteUnavailableError,
    Service,
)
from knowledge.text.masking import scrubbed
from knowledge.text.wording import without_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from knowledge.remote.endpoint import Endpoint

_LIMIT_STATUSES = (200, 400, 413, 422, 500)
_TRANSIENT_STATUSES = (408, 409, 425, 429)
_OF_THE_TEXTS = (400, 406, 411, 414, 415, 416, 417, 422, 431, 451)
"""What may be said of one request's texts; other refusals (404, 405, 501, …) are of all."""

_QUOTA = re.compile(
    r"insufficient_quota|exceeded your current quota|plan and billing|billing.hard.limit"
    r"|insufficient (account )?(balance|credit)|credit balance|calls / month",
    re.IGNORECASE,
)
_QUOTA_OF_THE_DAY = re.compile(r'"quotaId": *"\w*PerDay', re.IGNORECASE)  # Google's
_BAD_KEY = re.compile(
    r"api.?key.{0,5}(not valid|invalid|expired)|invalid.api.?(key|token)", re.IGNORECASE
)
_BATCH = re.compile(
    r"batch.?size|maximum.{0,20}batch|too many (inputs|texts|documents|tokens)|array too long"
    r"|array_above_max_length|tokens.per.request|in (one|a single) (batch|request)"
    r"|number of (inputs|texts|documents)|not (be )?larger than \d+\b(?! tok)"
    r"|at most \d+ (inputs|texts|documents|requests|items)",
    re.IGNORECASE,
)
_LONG = re.compile(
    r"context.(length|size|window)|too (long|large)|longer than|must have less than|input length"
    r"|(maximum|max).(input|sequence|allowed token)|exceed.{0,60}(token|length|context|limit)"
    r"|supports up to \d+",
    re.IGNORECASE,
)
_WAIT = re.compile(
    r"(?:try again|retry)\w* (?:in|after) (?:(\d+)m(?!s))?(?:([\d.]+) ?(ms|s))?", re.IGNORECASE
)
_RETRY_DELAY = re.compile(r'"retryDelay": *"([\d.]+)s"')  # Google's
_NO_NUMBER = re.compile(
    r"unsupported value|\bnan\b|not (a )?finite|non-finite|out of range float|\binf(inity)?\b",
    re.IGNORECASE,
)
"""What a server says that can't write down the vector of a text, which will be so each time."""
_NO_CONNECTION = frozenset({"ConnectError", "ConnectTimeout", "ProxyError"})
"""Errors of httpx, by name: it is not loaded for that."""
_SMALLER = {
    Service.EMBEDDING: "Use a smaller `chunk_size` or embedding batch size.",
    Service.CHAT: "Give it fewer or shorter passages, or choose a model that takes more.",
    Service.RERANK: "Rerank fewer or shorter passages.",
}
_JUDGED = 32 << 10
"""Most characters of a refusal that are looked through; patterns take long over megabytes."""


@dataclass(frozen=True, slots=True)
class Failures:
    """Turns the refusals of one model at one endpoint into errors of ours.

    Parameters
    ----------
    endpoint:
        Where requests go; its secrets are kept out of every message.
    model:
        The model's name as the user knows it.
    """

    endpoint: Endpoint
    model: str

    @property
    def who(self) -> str:
        """The provider, the model and the address, as messages name them."""
        model = f":{self.model}" if self.model else ""
        return f"{self.endpoint.provider}{model} at {self.endpoint.url}"

    def of_status(
        self, status: int, headers: Mapping[str, str], body: str, *, texts: int
    ) -> RemoteError:
        """Judge an answer with an error status, or one with status 200 that holds an error.

        Parameters
        ----------
        texts:
            How many the request held: a text that is too long can be named only when alone.
        """
        said, code = (part[:_JUDGED] for part in _message(body))
        body = body[:_JUDGED]
        status = _inner_status(code, said) if status == 200 else status
        error = self._judged(status, headers, said, f"{code} {said}", body, alone=texts == 1)
        error.status, error.said = status, body
        return error.of(self.endpoint.service)

    def _judged(
        self,
        status: int,
        headers: Mapping[str, str],
        said: str,
        coded: str,
        body: str,
        *,
        alone: bool,
    ) -> RemoteError:
        """Choose the error; ``coded`` is what was said with the code before it."""
        what = f"{self.who} answered {status}: {self.scrub(said)}"
        if _is_quota(status, coded, body):
            return RemoteQuotaError(what, hint="Check the account's plan and billing.")
        if status in (401, 403) or (status == 400 and _BAD_KEY.search(coded)):
            return RemoteAuthError(what, hint=self._key_hint)
        if status == 413 or (status in _LIMIT_STATUSES and says_limit(coded)):
            kind = RemoteInputTooLongError if alone else RemoteBatchTooLargeError
            return kind(what, hint=_SMALLER[self.endpoint.service])
        if status >= 500 and _NO_NUMBER.search(said):
            return RemoteError(what, hint="Check the model on the server with that text.")
        if status in _TRANSIENT_STATUSES or (status >= 500 and status != 501):
            failure = RemoteRateLimitError if status == 429 else RemoteUnavailableError
            wait = retry_after(headers, f"{said} {body}")
            return failure(what, hint="Try again later.", retry_after=wait)
        if status == 200:
            return RemoteResponseError(what, hint=self.address_hint)
        lasting = status not in _OF_THE_TEXTS
        return RemoteError(what, hint=self._hint(status, headers, said), lasting=lasting)

    def of_connection(self, error: Exception, *, timeout: float | None = None) -> RemoteError:
        """Judge a request that got no answer, or a broken one.

        Parameters
        ----------
        timeout:
            The seconds that were waited, when that is what went wrong.
        """
        return self._unanswered(error, timeout).of(self.endpoint.service)

    def _unanswered(self, error: Exception, timeout: float | None) -> RemoteError:
        unreachable = _has_no_connection(error)
        if timeout is not None and not unreachable:
            return RemoteUnavailableError(
                f"{self.who} did not answer within {timeout:g} s",
                hint=f"Raise {self.endpoint.variables.timeout}, or check that the server runs.",
            )
        cause = self.scrub(without_number(str(error.__cause__ or error))) or "there is no answer"
        if _is_too_large(error) or _is_too_large(error.__cause__):
            return RemoteError(f"{self.who} {cause}", hint=self.address_hint)
        if "CERTIFICATE_VERIFY_FAILED" in cause:
            return RemoteError(
                f"{self.who} shows a certificate that is not trusted: {cause}",
                hint="Set SSL_CERT_FILE to the file with your organisation's certificates.",
                lasting=True,
            )
        return RemoteUnavailableError(
            f"can't reach {self.who}: {cause}",
            hint=f"Check that the server runs. {self.address_hint}",
            unreachable=unreachable,
        )

    def of_answer(self, problem: str, *, hint: str | None = None) -> RemoteResponseError:
        """Return the error for an answer that holds nothing usable."""
        hint = self.address_hint if hint is None else hint
        what = f"{self.who} {self.scrub(problem)}"
        return RemoteResponseError(what, hint=hint).of(self.endpoint.service)

    def scrub(self, text: str) -> str:
        """Take keys, what looks like one, and controls out of a text; make it one short line."""
        known = [*self.endpoint.secrets, *self.endpoint.headers.values()]
        known += [value.rpartition(" ")[2] for value in self.endpoint.headers.values()]
        return scrubbed(text, known)

    @property
    def _key_hint(self) -> str:
        return self.endpoint.advice.get(401) or f"Check {self.endpoint.variables.key}."

    @property
    def address_hint(self) -> str:
        """Where the address was set, and what it is."""
        return f"Check {self.endpoint.variables.url}, now {self.endpoint.url}"

    def _hint(self, status: int, headers: Mapping[str, str], said: str) -> str:
        if status in (301, 302, 303, 307, 308):
            target = self.scrub(headers.get("location", "elsewhere").partition("?")[0])
            return f"The server points to {target}; set {self.endpoint.variables.url} accordingly."
        if "pull" in said:
            return f"Run: ollama pull {self.model}"
        if advice := self.endpoint.advice.get(status):
            return advice
        if "model" in said.lower():
            return f"Check {self.endpoint.variables.model}, now {self.model}"
        if status in (404, 405):
            usual = "; it usually ends in /v1." if self.endpoint.provider == "openai" else "."
            return self.address_hint + usual
        return ""


def _has_no_connection(error: Exception) -> bool:
    """Tell a server that is not there from one that ended a connection."""
    kinds = [*type(error).__mro__, *type(error.__cause__).__mro__]
    return any(kind.__name__ in _NO_CONNECTION for kind in kinds)


def retry_after(headers: Mapping[str, str], said: str = "") -> float | None:
    """Read how many seconds a server asks to wait, from its headers or its message."""
    if (seconds := _number(headers.get("retry-after-ms"))) is not None:
        return seconds / 1000
    given = headers.get("retry-after")
    if (seconds := _number(given)) is not None:
        return seconds
    if given:
        import email.utils

        with contextlib.suppress(ValueError, OverflowError):  # a year of many digits
            if date := email.utils.parsedate_tz(given[:100]):
                return max(0.0, email.utils.mktime_tz(date) - time.time())
    return _wait_in_words(said)


def _wait_in_words(said: str) -> float | None:
    """Read "Please try again in 1m20s", "retry after 2 seconds" and the like."""
    if delay := _RETRY_DELAY.search(said):
        return _number(delay[1])
    found = _WAIT.search(said)
    if found is None or not any(found.groups()):
        return None
    minutes, amount, unit = found.groups()
    seconds = (_number(amount) or 0.0) / (1000 if unit == "ms" else 1)
    return 60 * (_number(minutes) or 0.0) + seconds


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None


def _is_quota(status: int, said: str, body: str) -> bool:
    """Tell a spent account from a rate limit, which some servers announce in the same words."""
    if status not in (403, 429):
        return status == 402
    if _QUOTA_OF_THE_DAY.search(body):
        return True
    return bool(_QUOTA.search(said)) and _wait_in_words(f"{said} {body}") is None


def _is_too_large(error: BaseException | None) -> bool:
    from knowledge.remote.transport import ReplyTooLargeError

    return isinstance(error, ReplyTooLargeError)


_NAMED = re.compile(
    r"(?:larger than|greater than|more than|at most|up to|exceeds?(?: the)?"
    r"|limit(?:ed)?(?: of| to| is)?"
    r"|(?:maximum|max)(?: allowed)?(?:[ _](?:client[ _])?batch[ _]size)?(?: of| is)?|<=)[:= ]+"
    r"(\d{1,5})(?![\d.,]*\d| ?(?:tokens|characters|bytes|words|[kmg]i?b\b))",
    re.IGNORECASE,
)


def named_limit(error: RemoteError, texts: int) -> int | None:
    """Return how many texts a server says that it takes in a request; ``None`` where it does not.

    Parameters
    ----------
    texts:
        How many it refused: a number that is not smaller is no limit of theirs.
    """
    numbers = [int(found[1]) for found in _NAMED.finditer(error.said or error.message)]
    return min((number for number in numbers if 0 < number < texts), default=None)


def says_limit(said: str) -> bool:
    """Tell whether words say that a text or a request is larger than a model or a server takes."""
    return bool(_BATCH.search(said) or _LONG.search(said))


def _message(body: str) -> tuple[str, str]:
    """Find the message and the code in an error's body, whatever shape it has."""
    try:
        return _told(body, json.loads(body))
    except (ValueError, RecursionError):
        return _plain(body[:_JUDGED]), ""


def _told(body: str, content: Any) -> tuple[str, str]:
    if not isinstance(content, dict):
        return body, ""
    error = content.get("error") or content.get("detail") or content
    if not isinstance(error, dict):
        return error if isinstance(error, str) else json.dumps(error), ""
    said = error.get("message") or error.get("msg") or json.dumps(error)
    code = " ".join(str(error[name]) for name in ("code", "type") if error.get(name))
    return str(said), code


def _plain(body: str) -> str:
    """Reduce an HTML page to its words."""
    without_code = re.sub(r"(?is)<(script|style)\b.*?</\1>", " ", body)
    return re.sub(r"(?s)<[^>]*>", " ", without_code).strip() or "an empty body"


def _inner_status(code: str, said: str) -> int:
    """Find the status that an error inside an answer of status 200 names."""
    if found := re.match(r"[45]\d\d\b", code):
        return int(found.group())
    if re.search(r"\b429\b|too many requests", said, re.IGNORECASE):
        return 429
    return 503 if "queue is full" in said.lower() else 200
