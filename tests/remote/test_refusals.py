from __future__ import annotations

import email.utils
import json
import time

import pytest

from knowledge.errors import (
    RemoteAuthError,
    RemoteBatchTooLargeError,
    RemoteError,
    RemoteInputTooLongError,
    RemoteQuotaError,
    RemoteRateLimitError,
    RemoteResponseError,
    RemoteUnavailableError,
)
from knowledge.remote.endpoint import Endpoint
from knowledge.remote.openai import azure_advice
from knowledge.remote.refusals import Failures, retry_after

KEY = "abcdefgh12345678zyxw"


def failures(provider="openai"):
    endpoint = Endpoint(
        provider=provider,
        url="http://host/v1",
        model="m",
        query={},
        headers={},
        secrets=(KEY, "foo"),
        official=False,
        has_key=True,
        advice=azure_advice("OPENAI_API_KEY", "http://host/v1") if provider == "azure" else {},
    )
    return Failures(endpoint, "m")


def judge(status, body, *, texts=2, headers=None, provider="openai"):
    return failures(provider).of_status(status, headers or {}, body, texts=texts)


def error(message, code=None):
    return json.dumps({"error": {"message": message, "code": code, "type": "x"}})


TOO_LONG = [
    (400, "This model's maximum context length is 8192 tokens, however you requested 9000 tokens"),
    (413, "Input validation error: `inputs` must have less than 512 tokens. Given: 612"),
    (422, "Input validation error: `inputs` must have less than 512 tokens. Given: 612"),
    (500, "input is too large to process. increase the physical batch size"),
    (400, "the input length exceeds the context length"),
    (500, "rpc error: code = Unknown desc = input (700 tokens) is too large to process"),
    (400, "input must have less than 512 tokens"),
    (400, "Input text is too long"),
    (400, "the request exceeds the available context size"),
    (400, "string too long. Expected a string with maximum length 10"),
]
TOO_MANY = [
    (400, "batch size is invalid, it should not be larger than 10.: input.contents"),
    (422, "batch size 64 > maximum allowed batch size 32"),
    (400, "Invalid 'input': array too long. Expected an array with maximum length 2048"),
    (400, "Requested 305321 tokens, max 300000 tokens per request"),
    (400, "Too many inputs in request. Max is 16384"),
    (400, "invalid request: total number of texts must be at most 96, received 128"),
    (400, "at most 100 requests can be in one batch"),
    (413, "<html><h1>413 Request Entity Too Large</h1></html>"),
    (413, ""),
]


@pytest.mark.parametrize(("status", "said"), TOO_LONG + TOO_MANY)
def test_a_limit_is_a_batch_for_several_texts_and_a_text_for_one(status, said):
    assert type(judge(status, error(said))) is RemoteBatchTooLargeError
    assert type(judge(status, error(said), texts=1)) is RemoteInputTooLongError


@pytest.mark.parametrize("status", [408, 409, 425, 500, 502, 503, 504, 529])
def test_what_may_pass_is_transient(status):
    assert type(judge(status, error("overloaded"))) is RemoteUnavailableError


def test_too_many_requests_are_a_rate_limit():
    assert type(judge(429, error("overloaded"))) is RemoteRateLimitError


@pytest.mark.parametrize(
    ("status", "said", "code", "kind"),
    [
        (401, "Incorrect API key provided", "invalid_api_key", RemoteAuthError),
        (403, "Country not supported", None, RemoteAuthError),
        (402, "Payment Required", None, RemoteQuotaError),
        (429, "whatever", "insufficient_quota", RemoteQuotaError),
        (429, "You exceeded your current quota, check your plan and billing details.", None,
         RemoteQuotaError),
        (429, "You exceeded your current quota. Please retry in 32.5s.", None,
         RemoteRateLimitError),
        (429, "exceeded call rate limit; see https://aka.ms/oai/quotaincrease", None,
         RemoteRateLimitError),
        (429, "Rate limit reached on tokens per min (TPM): Limit 1000000", None,
         RemoteRateLimitError),
        (400, "'$.input' is invalid", None, RemoteError),
        (422, "field required", None, RemoteError),
        (404, "no such page", None, RemoteError),
        (405, "method not allowed", None, RemoteError),
        (403, "Insufficient account balance", None, RemoteQuotaError),
        (429, "limited to 1000 API calls / month", None, RemoteQuotaError),
        (400, "API key not valid. Please pass a valid API key.", None, RemoteAuthError),
        (501, "This server does not support embeddings. Start it with `--embeddings`", None,
         RemoteError),
    ],
)  # fmt: skip
def test_the_status_and_the_words_decide_together(status, said, code, kind):
    assert type(judge(status, error(said, code))) is kind


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (error("boom", 429), RemoteRateLimitError),
        (error("boom", 500), RemoteUnavailableError),
        (error("bad key", 401), RemoteAuthError),
        (error("HTTP Error 429: Too Many Requests"), RemoteRateLimitError),
        (error("Queue is full."), RemoteUnavailableError),
        (error("something broke", "server_error"), RemoteResponseError),
        (error("input is too large to process"), RemoteBatchTooLargeError),
    ],
)
def test_an_error_inside_a_success_is_an_error(body, kind):
    assert type(judge(200, body)) is kind


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (error("in an object"), "in an object"),
        ('{"error": "as text"}', "as text"),
        ('{"detail": "fastapi"}', "fastapi"),
        ('{"detail": [{"msg": "missing"}]}', '[{"msg": "missing"}]'),
        ('{"object": "error", "message": "vllm", "code": 400}', "vllm"),
        ('["odd"]', '["odd"]'),
        ("<html><style>p {}</style><h1>Bad\n Gateway</h1></html>", "Bad Gateway"),
        ("", "an empty body"),
        ("{}", "{}"),
    ],
)
def test_the_message_is_found_in_any_shape(body, said):
    assert judge(400, body).message.endswith(f" answered 400: {said}")


def test_a_long_message_is_cut():
    assert len(judge(400, error("x " * 5_000)).message) < 400


@pytest.mark.parametrize(
    "said",
    [
        f"Incorrect API key provided: {KEY}.",
        f"Incorrect API key provided: {KEY[:8]}****{KEY[-4:]}",
        "Incorrect API key provided: sk-proj-abc_DEF***********wxyz. See the site.",
        "Incorrect API key provided: zzzz***********wxyz",
        "token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc is expired",
    ],
)
def test_keys_are_kept_out_of_messages(said):
    message = judge(401, error(said)).message
    assert "[key]" in message
    for part in (KEY, KEY[:8], "wxyz", "sk-proj", "eyJ"):
        assert part not in message


def test_a_short_dummy_key_does_not_garble_messages():
    assert "food and foo" in judge(400, error("food and foo")).message


@pytest.mark.parametrize(
    ("headers", "said", "seconds"),
    [
        ({"retry-after": "7"}, "", 7.0),
        ({"retry-after": "0.5"}, "", 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, "", 0.25),
        ({"retry-after": "-3"}, "", None),
        ({"retry-after": "soon"}, "", None),
        ({"retry-after": "nan"}, "", None),
        ({}, "Please try again in 1m12.5s.", 72.5),
        ({}, "Please try again in 6ms.", 0.006),
        ({}, "Please retry after 2 seconds.", 2.0),
        ({}, "Please try again in 3m", 180.0),
        ({}, "try again after adding credits", None),
        ({}, "", None),
    ],
)
def test_the_wait_is_read_from_headers_and_words(headers, said, seconds):
    assert retry_after(headers, said) == seconds


def test_the_wait_may_be_a_date():
    later = email.utils.formatdate(time.time() + 60, usegmt=True)
    assert retry_after({"retry-after": later}) == pytest.approx(60, abs=5)
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0


def test_a_transient_error_carries_the_wait():
    assert judge(429, error("slow"), headers={"retry-after": "3"}).retry_after == 3


@pytest.mark.parametrize(
    ("status", "said", "provider", "hint"),
    [
        (401, "no", "openai", "OPENAI_API_KEY"),
        (401, "no", "azure", "AZURE_AD for a token"),
        (404, 'model "m" not found, try pulling it first', "openai", "ollama pull m"),
        (404, "The model `m` does not exist", "openai", "OPENAI_EMBEDDING_MODEL, now m"),
        (404, "page not found", "openai", "http://host/v1; it usually ends in /v1"),
        (404, "Resource not found", "azure", "OPENAI_AZURE_DEPLOYMENT"),
        (405, "no", "openai", "OPENAI_BASE_URL, now http://host/v1"),
    ],
)
def test_hints_name_what_to_check(status, said, provider, hint):
    assert hint in judge(status, error(said), provider=provider).hint


def test_a_redirect_is_not_followed_but_named():
    found = judge(307, "", headers={"location": "https://other/v1/embeddings?key=1"})
    assert found.hint.startswith("The server points to https://other/v1/embeddings;")
    assert "key=1" not in found.hint


def test_a_broken_connection_is_transient_but_a_bad_certificate_is_not():
    refused = RuntimeError("Connection error.")
    refused.__cause__ = OSError("[Errno 111] Connection refused")
    found = failures().of_connection(refused)
    assert type(found) is RemoteUnavailableError
    assert "Connection refused" in found.message
    assert "http://host/v1" in found.message
    assert "Check that the server runs" in found.hint
    refused.__cause__ = OSError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed")
    assert type(failures().of_connection(refused)) is RemoteError
    timeout = failures().of_connection(refused, timeout=2.5)
    assert "did not answer within 2.5 s" in timeout.message


@pytest.mark.parametrize(
    "said",
    [
        "failed to encode response: json: unsupported value: NaN",
        "Out of range float values are not JSON compliant",
        "embedding contains non-finite values",
    ],
)
def test_a_vector_that_can_not_be_written_is_not_tried_again(said):
    found = judge(500, error(said))
    assert type(found) is RemoteError
    assert not found.lasting


@pytest.mark.parametrize(
    ("status", "lasting"), [(400, False), (422, False), (404, True), (405, True), (501, True)]
)
def test_what_is_said_of_all_requests_is_told_from_what_is_said_of_one(status, lasting):
    assert judge(status, error("no")).lasting is lasting


@pytest.mark.parametrize("package", ["httpx", "httpx2"])
def test_a_server_that_is_not_there_is_told_from_one_that_hangs_up(package):
    library = pytest.importorskip(package)
    for kind, unreachable in [
        ("ConnectError", True),
        ("ConnectTimeout", True),
        ("ReadError", False),
    ]:
        failed = RuntimeError("Connection error.")
        failed.__cause__ = getattr(library, kind)("gone")
        assert failures().of_connection(failed).unreachable is unreachable
        assert failures().of_connection(failed.__cause__, timeout=9).unreachable is unreachable


def test_controls_in_a_servers_words_are_not_told():
    assert "\x1b" not in judge(422, error("no \x1b[31mred\x1b[0m \x9b2J")).message
