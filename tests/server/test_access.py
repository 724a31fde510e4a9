"""Who may ask is decided before anything is routed."""

from __future__ import annotations

import re

import pytest

from knowledge.errors import UntrustedEndpointError, UsageError

PATHS = ("/healthz", "/metrics", "/api/v1/retrieve?query=key", "/nothing", "/v1/nothing")


@pytest.mark.parametrize("path", PATHS)
def test_a_name_that_is_not_ours_is_refused_on_every_route(shared, path):
    client = shared.client
    refused = client.get(path, headers={"Host": "rebound.example.org"})
    assert refused.status_code == 421
    assert "rebound.example.org" in refused.json()["error"]["message"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:7411", "127.0.0.1:1", "[::1]:7411"])
def test_names_of_this_machine_are_ours(shared, host):
    assert shared.client.get("/metrics", headers={"Host": host}).status_code == 200


def test_a_listed_name_is_ours(served):
    client = served(allow_hosts=["kb.example.org"]).client
    assert client.get("/metrics", headers={"Host": "kb.example.org:80"}).status_code == 200
    assert client.get("/metrics", headers={"Host": "evil.kb.example.org"}).status_code == 421


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("origin", ["https://evil.example.org", "null", "http://localhost:1"])
def test_a_page_of_another_origin_is_refused_on_every_route(shared, path, origin):
    refused = shared.client.get(path, headers={"Origin": origin})
    assert refused.status_code == 403
    assert refused.json()["error"]["code"] == "origin"


def test_a_page_of_ours_may_ask(shared):
    running = shared
    assert running.client.get("/metrics", headers={"Origin": running.url}).status_code == 200


def test_what_another_site_embeds_is_refused_though_it_has_no_origin(shared):
    client = shared.client
    embedded = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    assert client.get("/metrics", headers=embedded).status_code == 403
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert client.get("/metrics", headers=followed).status_code == 200


def test_a_listed_origin_may_ask_and_read(served):
    origin = "https://wiki.example.org"
    client = served(allow_origins=[origin]).client
    asked = client.options("/api/v1/retrieve", headers={"Origin": origin})
    assert asked.status_code == 204
    assert "Authorization" in asked.headers["Access-Control-Allow-Headers"]
    read = client.get("/metrics", headers={"Origin": origin})
    assert read.headers["Access-Control-Allow-Origin"] == origin


def test_a_token_is_needed_where_one_is_set(served, monkeypatch):
    monkeypatch.setenv("KNOW_SERVER_TOKEN", "a-long-secret")
    client = served().client
    for header in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "a-long-secret"}):
        refused = client.get("/metrics", headers=header)
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    assert client.get("/healthz").status_code == 200
    allowed = client.get("/metrics", headers={"Authorization": "Bearer a-long-secret"})
    assert allowed.status_code == 200


def test_off_loopback_a_token_is_made_where_none_is_set(served):
    running = served(host="0.0.0.0")
    assert len(running.started.token) >= 32
    port = running.url.rpartition(":")[2]
    url = f"http://127.0.0.1:{port}/metrics"
    assert running.client.get(url).status_code == 401
    header = {"Authorization": f"Bearer {running.started.token}"}
    assert running.client.get(url, headers=header).status_code == 200
    assert running.started.token not in "".join(running.lines)


def test_a_folder_cannot_decide_who_asks(served, tmp_path):
    (tmp_path / "here" / ".env").write_text("KNOW_SERVER_HOST=0.0.0.0\n")
    with pytest.raises(UntrustedEndpointError, match="KNOW_SERVER_HOST"):
        served()


def test_a_port_that_is_taken_is_told(served):
    running = served()
    with pytest.raises(UsageError, match="cannot listen on"):
        served(port=int(running.url.rpartition(":")[2]))


def test_every_route_is_behind_the_checks(shared):
    """Whatever a face adds later, too: a name that is not ours gets no further."""
    from knowledge.server.access import Rules
    from knowledge.server.options import ServeRequest
    from knowledge.server.server import Server, faces_of
    from knowledge.settings.reading import Settings

    settings = Settings.read()
    server = Server(settings, ServeRequest().resolved(settings), Rules(), print)
    paths = {
        (method, re.sub(r"\{[^}]*\}", "x", route.path))
        for face in faces_of(server)
        for route in face.routes
        for method in sorted(getattr(route, "methods", None) or {"GET"})
    }
    assert len(paths) > 60
    for method, path in paths:
        foreign = shared.client.request(method, path, headers={"Host": "rebound.example.org"})
        assert foreign.status_code == 421, path
        page = shared.client.request(method, path, headers={"Origin": "https://evil.example.org"})
        assert page.status_code == 403, path


def test_tokens_are_compared_in_constant_time(served, monkeypatch):
    import hmac

    compared = []
    compare = hmac.compare_digest

    def noted(one, other):
        compared.append((len(one), len(other)))
        return compare(one, other)

    monkeypatch.setenv("KNOW_SERVER_TOKEN", "a-long-secret")
    monkeypatch.setenv("KNOW_SERVER_READ_TOKEN", "another")
    client = served().client
    monkeypatch.setattr(hmac, "compare_digest", noted)
    for token in ("a", "a-long-secre", "b" * 500):
        refused = client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
        assert refused.status_code == 401
    assert compared == [(32, 32)] * 6  # both, by digests of one length, whatever was sent
