"""Rerankers, each against a server that speaks its protocol."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from knowledge import KnowledgeBase
from knowledge.embeddings.local import extras
from knowledge.embeddings.local.minilm import MiniLmEmbedder
from knowledge.errors import RemoteError, UntrustedEndpointError, UsageError
from knowledge.extras import install_command
from knowledge.remote import transport
from knowledge.remote.retry import Backoff
from knowledge.retrieval.rerank import cross_encoder
from knowledge.retrieval.rerank.choice import create_reranker
from knowledge.settings.reading import Settings
from tests import hostile_server as hostile
from tests.embeddings.local import tiny_minilm
from tests.openai_server import OpenAIServer, Reply


class RerankServer:
    """Scores a text by its length; what it is asked stands in ``requests``."""

    def __init__(self):
        self.requests = []
        self.paths = {"/v2/rerank", "/v1/rerank"}
        self.answer = None
        self.failures = []
        self.refused = None
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.requests.append((self.path, dict(self.headers), body))
                status, content = server.reply(self.path, body)
                data = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *arguments):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def reply(self, path, body):
        if path not in self.paths:
            return 404, {"detail": "Not Found"}
        if self.failures:
            return self.failures.pop(0), {"error": "busy"}
        texts = body.get("documents") or body["texts"]
        if self.refused is not None and any(self.refused in text for text in texts):
            return 400, {"error": "no"}
        name = "score" if path == "/rerank" else "relevance_score"
        results = [{"index": n, name: float(len(text))} for n, text in enumerate(texts)]
        results = sorted(results, key=lambda item: -item[name])  # as servers answer
        if self.answer is not None:
            results = self.answer(results)
        if path == "/rerank":
            return 200, results
        return 200, {"data" if "top_k" in body else "results": results}

    def close(self):
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def server():
    server = RerankServer()
    yield server
    server.close()


TEXTS = ["a", "a longer text", "two words"]


def scores(name, texts=TEXTS, notify=None, **settings):
    reranker = create_reranker(name, Settings.read(**settings), notify)
    return reranker._score("the question", texts)


@pytest.mark.parametrize(
    ("name", "path", "model", "most"),
    [
        ("cohere", "/v2/rerank", "rerank-v3.5", "top_n"),
        ("jina", "/v1/rerank", "jina-reranker-v2-base-multilingual", "top_n"),
        ("voyage", "/v1/rerank", "rerank-2.5", "top_k"),
        ("jina:my-model", "/v1/rerank", "my-model", "top_n"),
    ],
)
def test_services(server, monkeypatch, name, path, model, most):
    provider = name.partition(":")[0].upper()
    monkeypatch.setenv(f"{provider}_BASE_URL", f"{server.url}/v1")
    monkeypatch.setenv(f"{provider}_API_KEY", "secret-key")
    assert scores(name) == [1.0, 13.0, 9.0]
    ((asked, headers, body),) = server.requests
    assert asked == path
    assert headers["Authorization"] == "Bearer secret-key"
    assert body == {"model": model, "query": "the question", "documents": TEXTS, most: 3}


@pytest.mark.parametrize("suffix", ["", "/v1", "/v1/rerank", "/"])
def test_a_server_by_its_address(server, suffix):
    assert scores(f"{server.url}{suffix}#bge-reranker") == [1.0, 13.0, 9.0]
    ((path, headers, body),) = server.requests
    assert path == "/v1/rerank"
    assert body["model"] == "bge-reranker"
    assert "Authorization" not in headers


def test_text_embeddings_inference(server):
    server.paths = {"/rerank"}
    assert scores(server.url) == [1.0, 13.0, 9.0]
    assert server.requests[-1][2]["texts"] == TEXTS


@pytest.fixture
def quick(monkeypatch):
    """Try again at once."""
    monkeypatch.setattr(Backoff, "after", lambda self, tries: 0.001)


def test_what_may_pass_is_tried_again(server, quick):
    server.failures = [503, 429]
    assert scores(server.url) == [1.0, 13.0, 9.0]
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    "answer",
    [
        lambda results: results[:-1],
        lambda results: [*results, results[0]],
        lambda results: [{**results[0], "index": 99}, *results[1:]],
        lambda results: [{"index": 0}, *results[1:]],
        lambda results: "nonsense",
    ],
    ids=["too few", "twice", "unknown", "no score", "no list"],
)
def test_an_answer_that_does_not_fit(server, answer):
    server.answer = answer
    with pytest.raises(RemoteError):
        scores(server.url, embedding_retries=0)


def test_a_passage_that_is_refused_comes_last(server):
    server.refused = TEXTS[1]
    said = []
    found = scores(server.url, notify=said.append)
    assert (found[0], found[2]) == (1.0, 9.0)
    assert 0.9 < found[1] < 1.0
    assert len(said) == 1
    assert "refuses 1 passage" in said[0]
    server.refused = ""
    server.requests.clear()
    with pytest.raises(RemoteError, match="no"):
        scores(server.url, ["a text"] * 200)
    assert len(server.requests) < 40


def test_a_server_that_is_not_there():
    with pytest.raises(RemoteError, match=r"127\.0\.0\.1"):
        scores("http://127.0.0.1:9/v1", embedding_retries=0)


def test_a_folder_may_not_send_a_key_elsewhere(server, monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("JINA_BASE_URL=https://example.com/v1\n")
    monkeypatch.setenv("JINA_API_KEY", "secret-key")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UntrustedEndpointError):
        scores("jina")


def test_a_folder_may_not_choose_where_the_reranker_s_key_goes(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("KNOW_RERANK=https://example.com/v1\n")
    monkeypatch.setenv("KNOW_RERANK_API_KEY", "secret-key")
    monkeypatch.chdir(tmp_path)
    settings = Settings.read()
    with pytest.raises(UntrustedEndpointError, match="KNOW_RERANK_API_KEY"):
        create_reranker(settings["rerank"], settings)


@pytest.mark.parametrize("name", ["nonsense", "bm25:model", ""])
def test_unknown_rerankers(name):
    with pytest.raises(UsageError, match="`rerank`"):
        create_reranker(name, Settings.read())


def test_a_cross_encoder_that_can_not_be_loaded(tmp_path):
    with pytest.raises(UsageError, match="there is no model folder"):
        scores(f"cross-encoder:{tmp_path / 'nothing'}")


def test_a_passage_on_which_a_cross_encoder_fails_comes_last(monkeypatch, tmp_path):
    """One that it gives no number, and one that it panics on."""
    panic = type("PanicException", (BaseException,), {})

    def scored(question, texts):
        if TEXTS[2] in texts:
            raise panic("at the disco")
        return [float("nan") if text == TEXTS[0] else 2.0 for text in texts]

    monkeypatch.setattr(cross_encoder, "_load", lambda *_: scored)
    said = []
    found = scores(f"cross-encoder:{tmp_path}", notify=said.append)
    assert found[1] == 2.0
    assert found[0] == found[2] < 2.0
    assert "2 passages" in said[0]
    for texts in ([TEXTS[0]], [TEXTS[2]] * 50):
        with pytest.raises(RemoteError, match="cross-encoder"):
            scores(f"cross-encoder:{tmp_path}", texts)


def test_the_score_is_the_reranker_s(server, corpus):
    with KnowledgeBase.open() as kb:
        kb.ingest(corpus)
        before = {hit.chunk.id: hit for hit in kb.retrieve("key")}
        hits = kb.retrieve("key", rerank=server.url)
        for hit in hits:
            assert hit.score == len(hit.chunk.passage.embedding_text)
            assert hit.cosine == before[hit.chunk.id].cosine
            assert hit.scores["before"] == before[hit.chunk.id].score
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_bm25_needs_no_server(corpus):
    with KnowledgeBase.open() as kb:
        kb.ingest(corpus)
        hit = kb.retrieve("the hotel's nights", top_k=1, rerank="bm25")[0]
    assert hit.name == "travel.md"
    assert hit.scores["rerank"] > 0


@pytest.mark.parametrize("score", ["high", None, float("nan")])
def test_a_score_that_is_no_number_is_named(server, score):
    server.answer = lambda results: [{**results[0], "relevance_score": score}, *results[1:]]
    with pytest.raises(RemoteError, match="no number") as caught:
        scores(server.url, embedding_retries=0)
    assert f"rerank at {server.url}" in str(caught.value)


def test_who_waits_for_a_reranker_or_a_question_is_told_why(server, corpus, monkeypatch, quick):
    monkeypatch.setattr("knowledge.remote.retry._WORTH_A_WORD", 0.0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with OpenAIServer() as embedding:
        monkeypatch.setenv("OPENAI_BASE_URL", embedding.base_url)
        with KnowledgeBase.open() as kb:
            kb.ingest(corpus)
    notes = []
    server.failures = [503]
    with OpenAIServer(script=[Reply(503, "starting")]) as embedding:
        monkeypatch.setenv("OPENAI_BASE_URL", embedding.base_url)
        with KnowledgeBase(Settings.read(), notify=notes.append) as kb:
            assert kb.retrieve("a question", rerank=server.url)
    told = [note for note in notes if "trying again" in note]
    assert ["starting" in note for note in told] == [True, False]
    assert "rerank at" in told[1]


def test_a_cross_encoder_uses_fastembeds_folder_and_prints_nothing(monkeypatch, tmp_path, capfd):
    pytest.importorskip("fastembed")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    folder = tmp_path / "models"
    with pytest.raises(RemoteError, match="ms-marco-MiniLM-L-6-v2"):
        scores("cross-encoder", fastembed_cache=str(folder))
    assert folder.is_dir()
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


@pytest.mark.parametrize(
    ("behaviour", "seconds", "said"),
    [
        (hostile.endless, "30", "larger than 262,144 bytes"),
        (hostile.gzip_bomb, "30", "larger than 262,144 bytes"),
        (hostile.dripping, "0.4", "did not answer within 0.4 s"),
        (hostile.silent, "0.4", "did not answer within 0.4 s"),
        (hostile.deep, "30", "nested too deeply"),
    ],
)
def test_a_reply_is_bounded(monkeypatch, behaviour, seconds, said):
    monkeypatch.setattr(transport, "REPLY_BYTES", 1 << 18)
    monkeypatch.setenv("KNOW_EMBEDDING_TIMEOUT", seconds)
    monkeypatch.setenv("KNOW_EMBEDDING_RETRIES", "0")
    with hostile.HostileServer(behaviour) as running:
        with pytest.raises(RemoteError) as caught:
            scores(running.url)
    assert said in caught.value.message
    assert running.url in caught.value.in_full


@pytest.mark.parametrize("score", ["0.5", True, None, 10**400, float("nan"), float("inf"), [1], {}])
def test_a_score_is_a_number(server, score):
    server.answer = lambda results: [{**item, "relevance_score": score} for item in results]
    with pytest.raises(RemoteError, match="no number"):
        scores(server.url, embedding_retries=0)


@pytest.mark.parametrize("place", ["0", True, 1.0, None, 10**30, -1])
def test_a_place_is_one_of_the_texts(server, place):
    server.answer = lambda results: [{**item, "index": place} for item in results]
    with pytest.raises(RemoteError):
        scores(server.url, embedding_retries=0)


def test_only_the_best_are_scored_and_the_others_follow(server, corpus):
    with KnowledgeBase.open() as kb:
        kb.ingest(corpus)
        before = kb.retrieve("key", top_k=50)
        hits = kb.retrieve("key", top_k=50, rerank=server.url, rerank_depth=2)
        all_scored = kb.retrieve("key", top_k=50, rerank=server.url)
    assert len(before) > 3
    assert len(server.requests[0][2]["documents"]) == 2
    assert len(server.requests[1][2]["documents"]) == len(before)
    assert {hit.chunk.id for hit in hits[:2]} == {hit.chunk.id for hit in before[:2]}
    assert [hit.chunk.id for hit in hits[2:]] == [hit.chunk.id for hit in before[2:]]
    assert ["rerank" in hit.scores for hit in hits] == [True] * 2 + [False] * (len(hits) - 2)
    for shown in (hits, all_scored):
        assert [hit.score for hit in shown] == sorted((h.score for h in shown), reverse=True)


def test_a_depth_below_zero_is_refused():
    with pytest.raises(UsageError, match="`rerank_depth`"), KnowledgeBase.open() as kb:
        kb.retrieve("key", rerank_depth=-1)


def test_minilm_scores_20_by_cosine_and_former_score(corpus, monkeypatch, tmp_path):
    pytest.importorskip("onnxruntime")
    tiny_minilm.install(monkeypatch, tmp_path / "wheel")
    for number in range(30):
        (corpus / f"{number}.md").write_text(f"# Key {number}\n\nThe key of door {number * 7}.\n")
    with KnowledgeBase.open() as kb:
        kb.ingest(corpus)
        before = kb.retrieve("the key of door 14", top_k=50, fold=False)
        hits = kb.retrieve("the key of door 14", top_k=50, fold=False, rerank="minilm")
        few = kb.retrieve("the key of door 14", top_k=50, rerank="minilm", rerank_depth=3)
    embedder = MiniLmEmbedder()
    question = embedder.embed_query("the key of door 14").vectors[0]
    scored = [hit for hit in hits if "rerank" in hit.scores]
    assert hits[:20] == scored
    assert {hit.chunk.id for hit in scored} == {hit.chunk.id for hit in before[:20]}
    vectors = embedder.embed_documents([h.chunk.passage.embedding_text for h in scored]).vectors
    for hit, cosine in zip(scored, vectors @ question, strict=True):
        former = hit.scores["before"] / max(1.0, before[0].score)
        assert hit.score == pytest.approx(0.25 * former + 0.75 * float(cosine), abs=1e-5)
    assert sum("rerank" in hit.scores for hit in few) == 3


def test_minilm_keeps_what_it_embedded(corpus, monkeypatch, tmp_path):
    pytest.importorskip("onnxruntime")
    file = tiny_minilm.install(monkeypatch, tmp_path / "wheel")
    with KnowledgeBase.open() as kb:
        kb.ingest(corpus)
        first = kb.retrieve("where is the key?", rerank="minilm")
    file.unlink()
    with KnowledgeBase.open() as kb:
        assert kb.retrieve("where is the key?", rerank="minilm") == first
        with pytest.raises(RemoteError, match=r"model\.onnx is missing"):
            kb.retrieve("another question about keys", rerank="minilm")


def test_minilm_without_its_wheel_names_the_extra(monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match="`rerank`: minilm needs") as raised:
        create_reranker("minilm", Settings.read())
    assert raised.value.hint == f"Install it: {install_command('minilm')}"
