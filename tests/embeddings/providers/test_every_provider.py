"""What must hold for every provider that is reached over HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
import threading

import numpy as np
import pytest

from knowledge import KnowledgeBase
from knowledge.embeddings.embedder import Embedder
from knowledge.embeddings.registry import create_embedder, embedder_for
from knowledge.errors import (
    RemoteAuthError,
    RemoteError,
    RemoteQuotaError,
    RemoteRateLimitError,
    RemoteResponseError,
    RemoteUnavailableError,
    UsageError,
)
from knowledge.settings.reading import Settings
from tests.conftest import ROOT
from tests.embeddings.fakes import new_pool, unit_vectors, vectors_of
from tests.embeddings.providers.cases import CASES, NAMES
from tests.embeddings.providers.conftest import KEY
from tests.embeddings.providers.server import DIMENSIONS
from tests.openai_server import Reply

every_provider = pytest.mark.parametrize("case", CASES, ids=NAMES)
TEXTS = [f"text number {number} of many" for number in range(7)]


@pytest.fixture
def open_case(connect):
    def build(case, server, **options):
        return connect(case.provider, **case.variables(server), **options)

    return build


@every_provider
def test_vectors_come_back_in_the_texts_order(case, open_case):
    with case.server(key=KEY) as server:
        embedder = open_case(case, server)
        assert isinstance(embedder, Embedder)
        answer = embedder.embed_documents(TEXTS)
        assert embedder.embed_query("why?").vectors.shape == (1, DIMENSIONS)
    prefixed = [text for text in server.texts if text.endswith(TEXTS[0])]
    assert len(prefixed) == 1
    np.testing.assert_allclose(
        answer.vectors, vectors_of([prefixed[0].replace("0", str(n)) for n in range(7)]), rtol=1e-5
    )
    assert answer.vectors.dtype == np.float32
    assert embedder.spec.provider == case.provider
    assert embedder.spec.dimensions == DIMENSIONS
    assert embedder.endpoint.startswith(server.root_url)
    assert KEY not in repr(embedder.spec) + embedder.endpoint


@every_provider
def test_texts_are_sent_as_they_are(case, open_case):
    texts = ["one\ntext", "Größe 🔑", 'quotes " and \\ and \x01']
    with case.server() as server:
        open_case(case, server).embed_documents(texts)
    sent = json.dumps([request.body for request in server.requests])
    for text in texts:
        assert json.dumps(text)[1:-1] in sent


@every_provider
def test_dimensions_are_asked_for_where_the_service_takes_them(case, open_case):
    with case.server() as server:
        if not case.sizes:
            with pytest.raises(UsageError, match="takes no dimensions"):
                open_case(case, server, dimensions=8)
            return
        embedder = open_case(case, server, dimensions=8)
        assert embedder.embed_query("x").vectors.shape == (1, 8)
        assert embedder.spec.options["dimensions"] == 8
        by_setting = open_case(case, server, KNOW_EMBEDDING_DIMENSIONS="8")
        assert by_setting.spec.fingerprint == embedder.spec.fingerprint


@every_provider
def test_a_refused_key_is_named_not_shown(case, open_case):
    with case.server(key="another") as server:
        with pytest.raises(RemoteAuthError) as caught:
            open_case(case, server).embed_query("x")
    assert case.key in caught.value.hint
    assert server.root_url in caught.value.message
    assert KEY not in str(caught.value.args)


FAILURES = [
    (Reply(429, {"error": "slow down"}, {"Retry-After": "2"}), RemoteRateLimitError),
    (Reply(402, {"message": "payment required"}), RemoteQuotaError),
    (Reply(429, {"error": {"message": "x", "code": "insufficient_quota"}}), RemoteQuotaError),
    (Reply(503, "<html><h1>Loading</h1></html>"), RemoteUnavailableError),
    (Reply(500, {"error": None}), RemoteUnavailableError),
    (Reply(drop=True), RemoteUnavailableError),
    (Reply(200, {"data": [1, 2, 3]}, cut=True), RemoteUnavailableError),
    (Reply(200, "<html>log in</html>"), RemoteResponseError),
    (Reply(200, ""), RemoteResponseError),
    (Reply(200, [1, 2]), RemoteResponseError),
    (Reply(200, {"error": "429 Client Error: Too Many Requests"}), RemoteRateLimitError),
    (Reply(302, "", {"Location": "https://other.example/"}), RemoteError),
    (Reply(403, {"detail": f"no access for {KEY}"}), RemoteAuthError),
]


@every_provider
def test_failures_become_errors_of_ours(case, open_case):
    with case.server() as server:
        embedder = open_case(case, server)
        for number, (reply, kind) in enumerate(FAILURES, start=1):
            server.script.append(reply)
            with pytest.raises(kind) as caught:
                embedder.embed_documents(["one", "two"])
            assert type(caught.value) is kind, reply
            assert f"{case.provider}:" in caught.value.message
            assert server.root_url in caught.value.message
            assert KEY not in str(caught.value.args)
            assert len(server.requests) == number  # the pool tries again, not the provider
            if "Retry-After" in reply.headers:
                assert caught.value.retry_after == 2
        assert embedder.embed_query("afterwards").vectors.shape == (1, DIMENSIONS)


@every_provider
def test_an_answer_without_vectors_is_refused(case, open_case):
    empty = Reply(200, {"data": [], "embeddings": [], "predictions": [], "event_id": None})
    with case.server(script=[empty, empty]) as server:
        with pytest.raises(RemoteResponseError, match=r"without|empty"):
            open_case(case, server).embed_documents(["one", "two"])


@every_provider
def test_a_server_that_does_not_run_is_named(case, open_case):
    with case.server() as server:
        pass
    with pytest.raises(RemoteUnavailableError, match="can't reach") as caught:
        open_case(case, server).embed_query("x")
    assert "refused" in caught.value.message
    assert "Check that the server runs" in caught.value.hint


@every_provider
def test_batches_and_texts_that_are_too_large_are_cut(case, open_case):
    long = "several words " * 20
    with case.server(max_batch=3, max_words=25) as server:
        with new_pool(open_case(case, server), batch_size=7) as pool:
            vectors = pool.embed([*TEXTS, long])
    assert vectors.shape == (8, DIMENSIONS)
    expected = unit_vectors([next(t for t in server.texts if t.endswith(x)) for x in TEXTS])
    np.testing.assert_allclose(vectors[:7], expected, atol=1e-6)
    assert pool.stats.split == 1


@every_provider
def test_a_dataset_finds_its_embedder_again(case, open_case, tmp_path):
    with case.server() as server:
        settings = Settings.read(environ=case.variables(server), folder=tmp_path)
        spec = create_embedder(case.provider, settings=settings).spec
        assert embedder_for(spec, settings).spec == spec


@every_provider
def test_a_key_that_can_not_be_sent_is_named_not_shown(case, connect):
    with case.server() as server:
        environ = {**case.variables(server), case.key: "key-“quoted”"}
        with pytest.raises(RemoteAuthError, match="a character that no key has") as caught:
            connect(case.provider, **environ).embed_query("x")
    assert "quoted" not in str(caught.value.args)
    assert not server.requests


@every_provider
def test_a_name_and_password_in_the_address_are_sent_not_shown(case, connect):
    with case.server() as server:
        environ = {
            name: value.replace("http://", "http://me:pass-word-1@")
            for name, value in case.variables(server).items()
        }
        embedder = connect(case.provider, **environ)
        embedder.embed_query("x")
    assert server.requests[-1].headers["authorization"].startswith("Basic ")
    assert "pass-word" not in embedder.endpoint + repr(embedder.spec)


@every_provider
def test_threads_share_one_client(case, open_case):
    texts = [f"text {number}" for number in range(8)]
    found = {}
    with case.server() as server:
        embedder = open_case(case, server)

        def embed(text):
            found[text] = embedder.embed_query(text).vectors[0]

        threads = [threading.Thread(target=embed, args=(text,)) for text in texts]
        if getattr(embedder, "default_threads", None) == 1:
            for text in texts:
                embed(text)
        else:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        sent = {text: next(t for t in server.texts if t.endswith(text)) for text in texts}
    together = np.array([found[text] for text in texts])
    np.testing.assert_allclose(together, vectors_of(list(sent.values())), rtol=1e-5)


@every_provider
def test_a_folder_is_ingested_and_found(case, corpus, data_dir, tmp_path):
    with case.server(key=KEY) as server:
        environ = {**case.variables(server), "KNOW_EMBEDDING_MODEL_PROVIDER": case.provider}
        settings = Settings.read(environ=environ, folder=tmp_path, data_dir=str(data_dir))
        with KnowledgeBase(settings) as kb:
            assert not kb.ingest(corpus).failed
            (hit,) = kb.retrieve("Rotate the signing key every 90 days", top_k=1)
    assert hit.name == "keys.md"
    assert KEY.encode() not in b"".join(
        path.read_bytes() for path in data_dir.rglob("*") if path.is_file()
    )


def test_importing_the_embeddings_imports_no_providers_library():
    code = (
        "import sys, knowledge.embeddings, knowledge.embeddings.registry\n"
        "import knowledge.settings.trust\n"
        "heavy = {'httpx', 'openai', 'google', 'azure', 'numpy', 'requests'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"
