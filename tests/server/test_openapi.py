"""The description of the REST face holds, and no request that fits it breaks the server."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from knowledge.server.rest.description import openapi
from knowledge.server.rest.operations import OPERATIONS


@pytest.mark.slow
def test_all_requests_that_fit_are_answered_as_described(library, served):
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks

    running = served()
    described = schemathesis.openapi.from_dict(openapi(tuple(OPERATIONS)))
    found = list(described.get_all_operations())
    assert len(found) == len(OPERATIONS)
    held = [
        not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_schema_conformance,
    ]

    for result in found:
        operation = result.ok()

        @settings(
            max_examples=15,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case):
            response = case.call(base_url=running.url)
            case.validate_response(response, checks=held)

        ask()


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
