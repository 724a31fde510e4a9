"""The OpenAI-compatible face, asked by the clients that people use."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import openai
import pytest

from knowledge import KnowledgeBase
from knowledge.server.openai.embeddings import MOST_INPUTS
from knowledge.server.openai.filters import condition
from tests.embeddings.local import tiny_minilm

TEXTS = ["rotate the signing key", "lunch in the canteen", "a night in a hotel"]


@pytest.fixture(scope="module")
def asked(shared):
    with openai.OpenAI(base_url=f"{shared.url}/v1", api_key="any", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def vectors():
    from knowledge.settings.reading import Settings

    settings = Settings.read(environ={}, data_dir="nowhere")
    return np.stack([vector for _, vector in KnowledgeBase(settings).embed(TEXTS)])


@pytest.mark.parametrize("form", [openai.omit, "float", "base64"], ids=["unset", "float", "base64"])
def test_vectors_are_those_of_the_library(asked, vectors, form):
    answer = asked.embeddings.create(model="static", input=TEXTS, encoding_format=form)
    given = [one.embedding for one in answer.data]
    if form == "base64":
        given = [np.frombuffer(base64.b64decode(one), "<f4") for one in given]
    assert np.allclose(given, vectors, atol=1e-6)
    assert [one.index for one in answer.data] == [0, 1, 2]
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 0


def test_one_text_is_a_list_of_one(asked, vectors):
    answer = asked.embeddings.create(model="static", input=TEXTS[0])
    assert np.allclose([one.embedding for one in answer.data], vectors[:1], atol=1e-6)


def test_paths_work_without_the_version(shared):
    for path in ("/embeddings", "/v1/embeddings"):
        reply = shared.client.post(path, json={"model": "static", "input": "a"})
        assert reply.status_code == 200
    assert shared.client.get("/models").json() == shared.client.get("/v1/models").json()


def test_as_many_texts_as_openai_takes(asked):
    answer = asked.embeddings.create(
        model="static", input=[f"text {number}" for number in range(MOST_INPUTS)]
    )
    assert len(answer.data) == MOST_INPUTS
    with pytest.raises(openai.BadRequestError, match="2,048"):
        asked.embeddings.create(model="static", input=["a"] * (MOST_INPUTS + 1))


def test_models_are_listed_by_the_names_they_are_asked_by(asked):
    names = [one.id for one in asked.models.list()]
    assert "static" in names
    assert "static:wordllama-l2-supercat-256" in names
    for name in ("static:wordllama-l2-supercat-256", "wordllama-l2-supercat-256"):
        assert asked.models.retrieve(name).owned_by == "static"
        assert asked.embeddings.create(model=name, input="a").data


@pytest.mark.parametrize(
    "name", ["text-embedding-3-small", "python:os:system", "onnx:/etc", "static:other", ""]
)
def test_a_model_that_nobody_allowed_is_not_loaded(asked, name):
    with pytest.raises(openai.NotFoundError) as raised:
        asked.embeddings.create(model=name, input="a")
    assert raised.value.code == "model_not_found"
    assert "static" in raised.value.message


def test_a_model_that_the_user_allows_is_served(library, served):
    running = served(models=["static:wordllama-l2-supercat-256?x=1"])
    refused = running.client.post(
        "/v1/embeddings", json={"model": "static:wordllama-l2-supercat-256?x=1", "input": "a"}
    )
    assert refused.status_code == 400  # it was tried, and the provider knows no such model


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"model": "static"}, "input"),
        ({"model": "static", "input": []}, "input"),
        ({"model": "static", "input": ["a", " "]}, "input"),
        ({"model": "static", "input": [["a"]]}, "input"),
        ({"model": "static", "input": 5}, "input"),
        ({"input": "a"}, "model"),
        ({"model": "static", "input": "a", "encoding_format": "hex"}, "encoding_format"),
        ({"model": "static", "input": "a", "dimensions": 7}, None),
        ({"model": "static", "input": "a", "dimensions": 0}, "dimensions"),
        ({"model": "static", "input": "a", "dimensions": True}, "dimensions"),
        ({"model": "static", "input": "a", "nonsense": 1}, "nonsense"),
        ([1], None),
    ],
)
def test_errors_have_openais_shape(shared, body, param):
    reply = shared.client.post("/v1/embeddings", json=body)
    assert reply.status_code == 400
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param


def test_the_models_own_dimensions_may_be_asked_for(asked):
    answer = asked.embeddings.create(model="static", input="a", dimensions=256)
    assert len(answer.data[0].embedding) == 256


def test_token_ids_are_decoded_where_the_encoding_is_here(shared, monkeypatch):
    import tiktoken

    from knowledge.embeddings.providers import openai_tokens

    ids = [[9, 10], [11]]
    body = {"model": "static", "input": ids}
    monkeypatch.setattr(openai_tokens, "_encoding", lambda: None)
    refused = shared.client.post("/v1/embeddings", json=body)
    assert refused.status_code == 400
    assert "tiktoken" in refused.json()["error"]["message"]
    letters = {bytes([number]): number for number in range(256)}
    encoding = tiktoken.Encoding("bytes", pat_str=".", mergeable_ranks=letters, special_tokens={})
    monkeypatch.setattr(openai_tokens, "_encoding", lambda: encoding)
    text = "key"
    for given in (list(text.encode()), [list(text.encode())]):
        reply = shared.client.post("/v1/embeddings", json={"model": "static", "input": given})
        expected = shared.client.post("/v1/embeddings", json={"model": "static", "input": text})
        assert reply.json()["data"] == expected.json()["data"]
    unknown = shared.client.post("/v1/embeddings", json={"model": "static", "input": [999]})
    assert unknown.status_code == 400


def test_many_clients_get_their_own_vectors(asked):
    def ask(number):
        return asked.embeddings.create(model="static", input=f"text {number}").data[0].embedding

    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(ask, range(64)))
    assert together[:4] == [ask(number) for number in range(4)]


def test_our_own_provider_ingests_against_it(shared, corpus, run, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", f"{shared.url}/v1")
    monkeypatch.setenv("OPENAI_EMBEDDING_MODEL", "static")
    assert run("ingest", corpus).code == 0
    hits = run("retrieve", "signing key", "--json").json["hits"]
    assert hits[0]["name"] == "keys.md"


def test_langchain_gets_the_same_vectors(shared, vectors):
    langchain_openai = pytest.importorskip("langchain_openai", reason="needs langchain-openai")
    embeddings = langchain_openai.OpenAIEmbeddings(
        model="static",
        base_url=f"{shared.url}/v1",
        api_key="any",
        check_embedding_ctx_length=False,
    )
    assert np.allclose(embeddings.embed_documents(TEXTS), vectors, atol=1e-6)


def test_llama_index_gets_the_same_vectors(shared, vectors):
    reason = "needs llama-index-embeddings-openai"
    llama = pytest.importorskip("llama_index.embeddings.openai", reason=reason)
    embeddings = llama.OpenAIEmbedding(
        model_name="static", api_base=f"{shared.url}/v1", api_key="any"
    )
    assert np.allclose(embeddings.get_text_embedding_batch(TEXTS), vectors, atol=1e-6)


# Rerank

QUESTION = "how often is the signing key rotated?"


@pytest.mark.parametrize("model", ["bm25", "static", None])
@pytest.mark.parametrize("path", ["/v1/rerank", "/v2/rerank", "/rerank"])
def test_documents_are_ranked_from_one_to_zero(shared, model, path):
    documents = ["lunch at noon", {"text": "rotate the signing key every 90 days"}, "a hotel"]
    body = {"query": QUESTION, "documents": documents, "top_n": 2, "return_documents": True}
    answer = shared.client.post(path, json={**body, **({"model": model} if model else {})}).json()
    results = answer["results"]
    assert results[0]["index"] == 1
    assert len(results) == 2
    assert results[0]["document"]["text"].startswith("rotate")
    scores = [one["relevance_score"] for one in results]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


def test_text_embeddings_inference_gets_a_list(shared):
    body = {"query": QUESTION, "texts": ["rotate the signing key"], "truncate": True}
    (only,) = shared.client.post("/rerank", json=body).json()
    assert only["index"] == 0
    assert 0 < only["score"] <= 1


def test_our_own_reranker_reranks_by_it(shared, library, run):
    hits = run("retrieve", "signing key", "--rerank", f"{shared.url}/v1#bm25", "--json").json[
        "hits"
    ]
    assert hits[0]["name"] == "keys.md"
    assert hits[0]["scores"]["rerank"] > 0


@pytest.mark.parametrize(
    "body",
    [
        {"query": "a"},
        {"query": "", "documents": ["a"]},
        {"query": "a", "documents": [1]},
        {"query": "a", "documents": ["a"], "top_n": 0},
        {"query": "a", "documents": ["a"], "raw_scores": True},
    ],
)
def test_a_rerank_that_does_not_fit_is_refused(shared, body):
    assert shared.client.post("/v1/rerank", json=body).status_code == 400
    unknown = {"query": "a", "documents": ["a"], "model": "http://127.0.0.1:1/v1"}
    assert shared.client.post("/v1/rerank", json=unknown).status_code == 404


def test_the_small_model_reranks_where_it_is_installed(library, served, monkeypatch, tmp_path):
    pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    tiny_minilm.install(monkeypatch, tmp_path / "wheel")
    client = served().client
    body = {"model": "minilm", "query": "signing key", "documents": ["lunch", "signing key"]}
    scores = [
        one["relevance_score"] for one in client.post("/v1/rerank", json=body).json()["results"]
    ]
    assert len(scores) == 2
    assert all(0 <= score <= 1 for score in scores)
    asked = {"query": "signing key", "rerank": "minilm"}
    hits = client.post("/api/v1/retrieve", json=asked).json()["hits"]
    assert "rerank" in hits[0]["scores"]
    other = {"query": "signing key", "rerank": "cross-encoder:/etc"}
    assert client.post("/api/v1/retrieve", json=other).status_code == 403


# Vector stores


def test_a_dataset_is_a_store(asked, library):
    (store,) = asked.vector_stores.list()
    assert (store.id, store.file_counts.completed) == ("default", 5)
    files = list(asked.vector_stores.files.list("default", limit=2))
    assert len(files) == 5  # over pages
    one = asked.vector_stores.files.retrieve(files[0].id, vector_store_id="default")
    assert one.status == "completed"
    content = asked.vector_stores.files.content(one.id, vector_store_id="default")
    assert content.data[0].text


def test_a_store_is_searched(asked):
    found = asked.vector_stores.search("default", query="signing key", max_num_results=2)
    assert len(found.data) == 2
    assert found.data[0].filename.endswith("keys.md")
    assert "signing key" in found.data[0].content[0].text


def test_a_results_score_is_its_relevance(asked, library, run):
    def searched(query, **options):
        found = asked.vector_stores.search("default", query=query, **options).data
        return [(one.attributes["chunk_id"], one.score) for one in found]

    hits = run("retrieve", "signing key", "--json", "-k", "5").json["hits"]
    every = searched("signing key", max_num_results=5)
    assert every == [(hit["chunk_id"], hit["relevance"]) for hit in hits]
    least = sorted(score for _, score in every)[2]
    kept = searched("signing key", ranking_options={"score_threshold": least})
    assert kept == [one for one in every if one[1] >= least]
    assert searched(["signing key", "signing key"], max_num_results=5) == every
    for wrong in (2, -1, True):
        with pytest.raises(openai.BadRequestError, match="score_threshold"):
            searched("signing key", ranking_options={"score_threshold": wrong})


def test_a_store_is_made_changed_filled_and_deleted(library, served, tmp_path):
    running = served()
    with openai.OpenAI(base_url=f"{running.url}/v1", api_key="any", max_retries=0) as client:
        made = client.vector_stores.create(name="a b/c", metadata={"team": "ops"})
        assert client.vector_stores.retrieve(made.id).metadata == {"team": "ops"}
        assert client.vector_stores.update(made.id, name="b").name == "b"
        assert client.vector_stores.delete("b").deleted
        with pytest.raises(openai.NotFoundError):
            client.vector_stores.retrieve("b")
        file = next(iter(client.vector_stores.files.list("default")))
        changed = client.vector_stores.files.update(
            file.id, vector_store_id="default", attributes={"year": 2024, "ok": True}
        )
        assert changed.attributes["year"] == 2024
        for filters, hits in FILTERS:
            found = client.vector_stores.search("default", query="key", filters=filters)
            assert len({one.file_id for one in found.data}) == hits, filters
        client.vector_stores.files.delete(file.id, vector_store_id="default")
        assert len(list(client.vector_stores.files.list("default"))) == 4


FILTERS = [
    ({"type": "eq", "key": "year", "value": 2024}, 1),
    ({"type": "ne", "key": "year", "value": 2024}, 4),
    ({"type": "gte", "key": "year", "value": 2025}, 0),
    ({"type": "in", "key": "year", "value": [2023, 2024]}, 1),
    (
        {
            "type": "and",
            "filters": [
                {"type": "lt", "key": "year", "value": 2025},
                {"type": "or", "filters": [{"type": "eq", "key": "ok", "value": True}]},
            ],
        },
        1,
    ),
]


def test_a_filter_cannot_say_more_than_it_says():
    """Keys and values are quoted: nothing in them is an operator."""
    from knowledge.retrieval.conditions import Comparison, parse

    name, value = 'a" or "b', 'x") or ("y" = "z\\'
    found = parse(condition({"type": "eq", "key": name, "value": value}))
    assert found == Comparison(name, "=", (value,))


@pytest.mark.parametrize(
    "filters",
    [
        {"type": "like", "key": "a", "value": 1},
        {"type": "and", "filters": []},
        {"type": "eq", "value": 1},
        {"type": "eq", "key": "a", "value": {}},
        {"type": "in", "key": "a", "value": 1},
    ],
)
def test_a_filter_that_does_not_fit_is_refused(shared, filters):
    body = {"query": "key", "filters": filters}
    reply = shared.client.post("/v1/vector_stores/default/search", json=body)
    assert reply.status_code == 400
    assert "filters" in json.dumps(reply.json())


# Files that are sent


@pytest.fixture
def filled(library, served):
    with openai.OpenAI(base_url=f"{served().url}/v1", api_key="any", max_retries=0) as client:
        yield client


def test_files_are_sent_put_into_a_store_and_searched(filled):
    sent = filled.files.create(
        file=("plums.md", b"# Plums\n\nPlums are blue."), purpose="assistants"
    )
    assert (sent.filename, sent.bytes, sent.status) == ("plums.md", 24, "processed")
    assert [one.id for one in filled.files.list()] == [sent.id]
    assert filled.files.content(sent.id).read() == b"# Plums\n\nPlums are blue."
    store = filled.vector_stores.create(name="fruit")
    done = filled.vector_stores.files.create_and_poll(
        sent.id, vector_store_id=store.id, attributes={"kind": "stone"}, poll_interval_ms=50
    )
    assert (done.id, done.status) == (sent.id, "completed")
    assert done.attributes == {"kind": "stone", "title": "Plums", "filename": "plums.md"}
    assert [one.id for one in filled.vector_stores.files.list("fruit")] == [sent.id]
    given = {"type": "eq", "key": "kind", "value": "stone"}
    (hit,) = filled.vector_stores.search("fruit", query="blue plums", filters=given).data
    assert (hit.file_id, hit.filename) == (sent.id, "plums.md")
    changed = filled.vector_stores.files.update(
        sent.id, vector_store_id="fruit", attributes={"kind": "x"}
    )
    assert (changed.id, changed.attributes["kind"]) == (sent.id, "x")
    assert filled.files.delete(sent.id).deleted
    with pytest.raises(openai.NotFoundError):
        filled.files.retrieve(sent.id)
    assert filled.vector_stores.files.retrieve(sent.id, vector_store_id="fruit").id == sent.id
    assert filled.vector_stores.files.delete(sent.id, vector_store_id="fruit").deleted


def test_a_store_is_made_of_files_that_were_sent(filled):
    names = ("a.txt", "b.txt")
    ids = [
        filled.files.create(file=(name, name.encode()), purpose="assistants").id for name in names
    ]
    store = filled.vector_stores.create(name="both", file_ids=ids)
    assert store.file_counts.total == 2
    for id_ in ids:
        filled.vector_stores.files.poll(id_, vector_store_id="both", poll_interval_ms=50)
    assert {one.id for one in filled.vector_stores.files.list("both")} == set(ids)


def test_a_sent_file_that_cannot_be_read_says_why(filled):
    sent = filled.files.create(file=("broken.pdf", b"%PDF-1.4 no"), purpose="assistants")
    done = filled.vector_stores.files.create_and_poll(
        sent.id, vector_store_id="default", poll_interval_ms=50
    )
    assert done.status == "failed"
    assert done.last_error.message
    failed = list(filled.vector_stores.files.list("default", filter="failed"))
    assert [one.id for one in failed] == [sent.id]


def test_a_file_that_was_not_sent_is_in_no_store(filled):
    for make in (
        lambda: filled.vector_stores.files.create("default", file_id="file-none"),
        lambda: filled.vector_stores.create(name="new", file_ids=["file-none"]),
    ):
        with pytest.raises(openai.NotFoundError):
            make()
    with pytest.raises(openai.NotFoundError):
        filled.vector_stores.retrieve("new")
    sent = filled.files.create(file=("a.txt", b"a"), purpose="assistants")
    sizes = {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400}
    with pytest.raises(openai.BadRequestError, match="chunking_strategy"):
        filled.vector_stores.files.create(
            "default", file_id=sent.id, chunking_strategy={"type": "static", "static": sizes}
        )


def test_files_that_came_first_make_room(tmp_path):
    from knowledge.server.jobs import Upload
    from knowledge.server.sent_files import SentFiles

    kept, made = SentFiles(most_bytes=100), []
    for number in range(3):
        path = tmp_path / str(number) / "0"
        path.parent.mkdir()
        path.write_bytes(b"x" * 40)
        made.append(kept.add(Upload(f"{number}.txt", path), "assistants"))
    assert [one.id for one in kept.list()] == [one.id for one in made[1:]]
    assert not made[0].path.exists()


def sent_files(client, contents):
    return [
        client.files.create(file=(name, content), purpose="assistants").id
        for name, content in contents.items()
    ]


def test_several_files_are_put_into_a_store_together(filled):
    ids = sent_files(filled, {"a.md": b"apples", "b.md": b"pears", "c.pdf": b"%PDF-1.4 no"})
    batches = filled.vector_stores.file_batches
    filled.vector_stores.create(name="fruit", description="what grows")
    batch = batches.create("fruit", file_ids=ids, attributes={"kind": "x"})
    assert (batch.object, batch.file_counts.total) == ("vector_store.files_batch", 3)
    done = batches.poll(batch.id, vector_store_id="fruit", poll_interval_ms=50)
    assert (done.status, done.file_counts.completed, done.file_counts.failed) == ("completed", 2, 1)
    assert batches.retrieve(batch.id, vector_store_id="fruit").file_counts == done.file_counts
    listed = batches.list_files(batch.id, vector_store_id="fruit", limit=2, order="asc")
    assert [one.id for one in listed] == ids  # the client asks for the second page itself
    failed = batches.list_files(batch.id, vector_store_id="fruit", filter="failed")
    assert [(one.id, bool(one.last_error.message)) for one in failed] == [(ids[2], True)]
    store = filled.vector_stores.retrieve("fruit")
    assert (store.file_counts.completed, store.file_counts.failed) == (2, 1)
    assert store.description == "what grows"
    taken = [*filled.vector_stores.files.list("fruit", filter="completed")]
    assert {(one.id, one.attributes["kind"]) for one in taken} == {(ids[0], "x"), (ids[1], "x")}


def test_files_of_a_batch_have_attributes_of_their_own(filled):
    ids = sent_files(filled, {"a.md": b"apples", "b.md": b"pears"})
    files = [{"file_id": ids[0], "attributes": {"color": "red"}}, {"file_id": ids[1]}]
    filled.vector_stores.create(name="fruit")
    batches = filled.vector_stores.file_batches
    done = batches.create_and_poll("fruit", files=files, poll_interval_ms=50)
    assert done.file_counts.completed == 2
    red = {"type": "eq", "key": "color", "value": "red"}
    found = filled.vector_stores.search("fruit", query="fruit", filters=red).data
    assert [hit.file_id for hit in found] == [ids[0]]


def test_files_are_sent_and_put_into_a_store_in_one_call(filled):
    filled.vector_stores.create(name="fruit")
    done = filled.vector_stores.file_batches.upload_and_poll(
        "fruit", files=[("a.md", b"apples"), ("b.md", b"pears")], poll_interval_ms=50
    )
    assert (done.status, done.file_counts.completed) == ("completed", 2)
    one = filled.vector_stores.files.upload_and_poll(
        vector_store_id="fruit", file=("c.md", b"plums"), poll_interval_ms=50
    )
    assert one.status == "completed"
    assert filled.files.wait_for_processing(one.id).status == "processed"


def test_a_batch_is_cancelled(filled, monkeypatch):
    import threading

    from knowledge import KnowledgeBase

    go_on = threading.Event()
    ingest = KnowledgeBase.ingest

    def waits(self, *arguments, **options):
        assert go_on.wait(30)
        return ingest(self, *arguments, **options)

    monkeypatch.setattr(KnowledgeBase, "ingest", waits)
    ids = sent_files(filled, {"a.md": b"apples"})
    batches = filled.vector_stores.file_batches
    batch = batches.create("default", file_ids=ids)
    assert batch.status == "in_progress"
    assert batches.cancel(batch.id, vector_store_id="default").status == "cancelled"
    go_on.set()


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"file_ids": []},
        {"file_ids": ["file-none"], "files": [{"file_id": "file-none"}]},
        {"files": [{"id": "file-none"}]},
        {"files": [{"attributes": {}}]},
        {"file_ids": ["a"] * 2_001},
    ],
)
def test_a_batch_that_does_not_fit_is_refused(shared, fields):
    reply = shared.client.post("/v1/vector_stores/default/file_batches", json=fields)
    assert reply.status_code == 400
    assert reply.json()["error"]["type"] == "invalid_request_error"


def test_what_is_not_there_is_told_in_openais_shape(asked):
    batches = asked.vector_stores.file_batches
    calls = (
        lambda: batches.retrieve("vsfb_none", vector_store_id="default"),
        lambda: batches.create("default", file_ids=["file-none"]),
        lambda: asked.uploads.create(
            bytes=1, filename="a", mime_type="text/plain", purpose="assistants"
        ),
        lambda: asked.chat.completions.create(model="static", messages=[]),
        lambda: asked.models.delete("static"),
    )
    for call in calls:
        with pytest.raises(openai.APIStatusError) as raised:
            call()
        assert raised.value.status_code in (404, 405)
        assert raised.value.body["message"]
    with pytest.raises(openai.NotFoundError, match="vector_stores are here"):
        asked.chat.completions.create(model="static", messages=[])
    with pytest.raises(openai.BadRequestError, match="expires_after"):
        asked.vector_stores.create(name="x", expires_after={"anchor": "last_active_at", "days": 1})


def test_texts_of_others_do_no_harm(library, served, monkeypatch):
    """Of requests that are embedded together, the one that the model refuses fails alone."""
    from knowledge.embeddings.local.static import StaticEmbedder
    from knowledge.errors import RemoteInputTooLongError

    embed = StaticEmbedder.embed_documents

    def refuses(self, texts):
        if any("bad" in text for text in texts):
            raise RemoteInputTooLongError("no")
        return embed(self, texts)

    monkeypatch.setattr(StaticEmbedder, "embed_documents", refuses)
    client = served().client

    def ask(text):
        return client.post("/v1/embeddings", json={"model": "static", "input": text}).status_code

    texts = ["good", "bad", *(f"good {n}" for n in range(14))]
    with ThreadPoolExecutor(16) as pool:
        statuses = dict(zip(texts, pool.map(ask, texts), strict=True))
    assert {text for text, status in statuses.items() if status != 200} == {"bad"}
    assert statuses["bad"] == 400
