"""Masking of secrets in what is stored and shown: credentials in URLs, and known keys.

A page's URL identifies it in the catalog, in citations and in the history, so only the secrets in
its query are masked. Values that identify *who* asks (a token, a signature and its parameters) are
removed: the page is the same for everybody. Values that may identify *what* is asked, and are
masked because of their name or random look, are replaced by a short hash, so that two pages stay
different.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from urllib.parse import quote, quote_plus, unquote_plus

from knowledge.text.wording import shortened

MASK = "********"
SHORTEST_SECRET = 8
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_JUDGED = 32 << 10
"""Characters of what a server said that are looked at."""
"""Characters; shorter ones are dummies for servers without keys, or occur in any text."""

_WHO = re.compile(
    r"tokens?(id|value|key)?\d*$|secret|signature|password|passwd|passphrase|passcode|credential"
    r"|bearer|jwt|jsessionid|phpsessid|sessionid|sessid|apikey|accesskey|subscriptionkey|privatekey"
    r"|sharedkey|awsaccess|assertion|samlre|oauth|hmac|^x(amz|goog|oss|cos)[a-z]"
    r"|^(sig|sign|pwd|pass|pw|auth|authorization|authcode|authkey|sid|otp|totp|nonce|csrf|xsrf"
    r"|keypairid|cookie)$"
)
"""Names, without punctuation and in lower case, that identify or authorise the user."""

_PLACE = re.compile(r"(page|next|continuation|sync|cursor)token$")
"""A token for a position in a list."""

_MAYBE = re.compile(rf"^(code|key|pin|session|ticket|login)$|[a-z]key$|{_PLACE.pattern}")
"""Names of values that may also identify what is asked."""

_WITH_SIGNATURE = re.compile(
    r"^(expires|expire|exp|policy|date|se|st|sp|sv|sr|ss|srt|spr|sip|skoid|sktid|skt|ske|sks|skv"
    r"|sdd|scid|saoid|suoid|timestamp|ts|googleaccessid|ossaccesskeyid)$"
)
_SIGNATURES = re.compile(r"^(sig|sign|signature|hmac|x(amz|goog|oss|cos|ms)[a-z]*signature)$")
_HASHES = re.compile(
    r"^(sha(1|256)?|commit|rev|revision|ref|oid|etag|checksum|digest|md5|v|ver|version|cb)$"
)
"""Names of values that look random and are public."""

_JWT = re.compile(r"eyJ[\w-]{5,}\.[\w-]{5,}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_CHANGE = re.compile(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[A-Z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])")
_LOOKS_RANDOM_FROM = 20
_CHANGES = 0.25
"""Changes between lower case, upper case and digits per character; words have few."""

_USERINFO = re.compile(r"(?<=://)[^/?#\s\"'<>]*@")
_PAIR = re.compile(r"([?&#;])([^=&;#?\s\"'<>]+)=([^&;#?\s\"'<>]*)")
_LOGIN = re.compile(r"(postgres(?:ql)?://)[^\s\"'<>]*@")
"""Of a database, whose password may hold a / that nobody escaped."""
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>]+")


def masked_urls(text: str) -> str:
    """Return a text in which the secrets of URLs are masked: before the host and in the query.

    >>> masked_urls("https://bob:pw@host/a?page=2&API_KEY=abc")
    'https://********@host/a?page=2&API_KEY=********'
    """
    return _ADDRESS.sub(lambda found: _masked_url(found[0]), text)


def _masked_url(url: str) -> str:
    url = _USERINFO.sub(f"{MASK}@", _LOGIN.sub(rf"\1{MASK}@", url))
    pairs = _PAIR.findall(url)
    if not pairs:
        return url
    signed = any(_SIGNATURES.match(_plain(name)) for _, name, _ in pairs)
    return _PAIR.sub(lambda found: _masked_pair(*found.groups(), signed=signed), url)


def _masked_pair(before: str, name: str, value: str, *, signed: bool) -> str:
    start, plain = f"{before}{name}=", _plain(name)
    if not value or value.startswith(MASK):
        return start + value
    # A page's own places have names, and no values: a fragment with one came from a sign-in.
    if before == "#" or (signed and _WITH_SIGNATURE.match(plain)):
        return start + MASK
    if (_WHO.search(plain) and not _PLACE.search(plain)) or _JWT.search(unquote_plus(value)):
        return start + MASK
    if _MAYBE.search(plain) or (not _HASHES.match(plain) and looks_secret(value)):
        return f"{start}{MASK}{_hash(value)}"
    return start + value


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", unquote_plus(name).lower())


@lru_cache(maxsize=4096)
def _hash(value: str) -> str:
    """Return 8 hex digits that distinguish values; slow, since short values could be guessed."""
    return hashlib.pbkdf2_hmac("sha256", value.encode(), b"knowledge", 50_000, 4).hex()


def looks_secret(value: str) -> bool:
    """Tell whether a value of a query looks random, or is a URL with a secret.

    >>> looks_secret("a-long-title-of-an-article-in-2024"), looks_secret("dGhpc0lzQVNlY3JldDEyMzQ1")
    (False, True)
    """
    text = unquote_plus(value)
    if "://" in text:
        return masked_urls(text) != text
    if _UUID.fullmatch(text):
        return False
    return any(
        len(part) >= _LOOKS_RANDOM_FROM
        and len(_CHANGE.findall(part)) >= _CHANGES * len(part)
        and not _is_words(part)
        for part in re.split(r"[^\w+/=.~-]", text)
    )


def _is_words(part: str) -> bool:
    """Tell whether a part consists of short words and numbers, such as a date and a title."""
    pieces = re.split(r"[-_.+/~=]", part)
    return all(piece.isdigit() or piece.isalpha() or len(piece) <= 4 for piece in pieces)


# Messages of servers and libraries, which may contain a known key.

_SCHEMES = re.compile(r"\b(Basic|Bearer|Digest|Negotiate)\s+[\w+/=.~-]{6,}", re.IGNORECASE)
_KEY_LIKE = re.compile(
    r"\bsk-[\w*.…-]+|\beyJ[\w.-]{10,}|\bya29\.[\w.-]+|\bAKIA[A-Z0-9]{12,}|[\w-]*\*{3,}[\w*-]*"
)


def without_secrets(text: str, secrets: Iterable[str], *, shown: str = MASK) -> str:
    """Return a text without secrets, in whatever encoding, and without credentials of URLs.

    Parameters
    ----------
    secrets:
        Keys, passwords and values of headers.
    shown:
        The replacement.
    """
    for secret in sorted({s for s in secrets if s}, key=len, reverse=True):
        for form in _forms(secret):
            text = re.sub(form, lambda _: shown, text, flags=re.IGNORECASE)
        if len(secret) >= 2 * SHORTEST_SECRET:  # servers repeat the beginning of a key
            text = re.sub(re.escape(secret[:SHORTEST_SECRET]) + r"\S*", lambda _: shown, text)
    text = _SCHEMES.sub(lambda found: f"{found[1]} {shown}", text)
    return masked_urls(text)


def without_key_likes(text: str, *, shown: str = MASK) -> str:
    """Return a text without anything that looks like a key of a well-known service."""
    return _KEY_LIKE.sub(lambda _: shown, text)


def scrubbed(text: str, secrets: Iterable[str]) -> str:
    """Return what a server said as one short line without secrets and controls."""
    known = [secret for secret in secrets if len(secret) >= SHORTEST_SECRET]
    text = without_key_likes(text[:_JUDGED], shown="[key]")
    text = without_secrets(text, known, shown="[key]")
    return shortened(" ".join(_CONTROL.sub(" ", text).split()))


@lru_cache(maxsize=256)
def _forms(secret: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_patterns(secret)))


def _patterns(secret: str) -> Iterator[str]:
    """Yield patterns of a secret as it is, in URLs, in JSON, in hexadecimal and in base64."""
    yield re.escape(secret)
    data = secret.encode()
    for encoded in (quote(secret, safe=""), quote(secret), quote_plus(secret), data.hex()):
        if len(encoded) >= SHORTEST_SECRET:
            yield re.escape(encoded)
    yield re.escape(secret.replace("/", "\\/").replace('"', '\\"'))
    if len(data) < SHORTEST_SECRET:
        return
    # In base64 of a longer text, such as user:key, a secret has three forms. The digits at its
    # ends depend on its neighbours.
    for ahead in range(3):
        digits = base64.b64encode(bytes(ahead) + data).decode().rstrip("=")
        inner = digits[(0, 2, 3)[ahead] : len(digits) - 1]
        loose = "".join({"+": r"[+-]", "/": r"[/_]"}.get(digit, digit) for digit in inner)
        yield rf"[\w+/-]*{loose}[\w+/=-]*"
