"""The description of the REST face holds, and no request that fits it breaks the server."""

from __future__ import annotations

import re

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from knowledge.server.rest.description import openapi
from knowledge.server.rest.operations import OPERATIONS

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
QUICK = [one for one in OPERATIONS if one.path in ("/retrieve", "/datasets", "/chunks/{chunk}")]


def fuzz(running, operations, examples):
    described = schemathesis.openapi.from_dict(openapi(tuple(operations)))
    found = list(described.get_all_operations())
    assert len(found) == len(operations)

    for result in found:
        operation = result.ok()

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case):
            response = case.call(base_url=running.url)
            case.validate_response(response, checks=CHECKS)

        ask()


def test_requests_that_fit_are_answered_as_described(shared):
    fuzz(shared, [one for one in QUICK if not one.writes], 5)


@pytest.mark.slow
def test_all_requests_that_fit_are_answered_as_described(library, served):
    fuzz(served(), OPERATIONS, 15)


def test_the_document_is_served_and_names_only_what_it_holds(shared):
    document = shared.client.get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    named = set(re.findall(r"#/components/schemas/([\w.]+)", str(document)))
    assert named <= set(document["components"]["schemas"])
    identifiers = [
        entry["operationId"] for path in document["paths"].values() for entry in path.values()
    ]
    assert len(identifiers) == len(set(identifiers)) == len(OPERATIONS)


def test_the_page_needs_nothing_from_elsewhere(shared):
    reply = shared.client.get("/docs")
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
    assert not re.search(r"<(script|link|img|iframe)|https?://", reply.text)
    for one in OPERATIONS:
        assert f"{one.method} /api/v1{one.path}" in reply.text
