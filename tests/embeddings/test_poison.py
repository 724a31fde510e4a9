"""One bad text costs one text: whole ingests against servers that refuse a text, or are broken."""

from __future__ import annotations

import functools
import itertools
import re
import socket
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.embeddings.pool import opening
from knowledge.embeddings.pool.blame import DOUBTFUL, HOPELESS, PLAIN_WORD
from knowledge.embeddings.pool.pool import EmbeddingPool
from knowledge.errors import RemoteAuthError, RemoteError, RemoteUnavailableError
from tests.cli.test_upkeep import flip_a_bit, graph
from tests.conftest import write_files
from tests.embeddings.fakes import QUICK, DictCache, FakeEmbedder, new_pool, unit_vectors
from tests.openai_server import LoopbackServer, OpenAIServer, Reply, refusal, vector_of

FILES = 14
MANY = 300
BAD = "poison"
NAMED = "f007.txt"
SINGLE = "single input per request"


class Poisoned(LoopbackServer):
    """Speaks OpenAI's and Ollama's protocol, and has a fault for texts that hold ``poison``.

    Parameters
    ----------
    fault:
        Given a request's texts, returns a refusal; or vectors to answer with; or ``None``.
    """

    def __init__(self, fault):
        super().__init__()
        self.fault = fault
        self.sent = []

    def reply(self, request):
        if not request.path.endswith(("/v1/embeddings", "/api/embed")):
            return Reply(404, "404 page not found")
        texts = request.texts
        with self.lock:
            self.sent.append(texts)
        found = self.fault(texts)
        if isinstance(found, Reply):
            return found
        vectors = [vector_of(text) for text in texts] if found is None else found
        if request.path == "/api/embed":
            return Reply(200, {"embeddings": vectors})
        return Reply(200, {"data": [{"embedding": vector} for vector in vectors]})

    def environment(self, protocol="openai"):
        if protocol == "ollama":
            return {"OLLAMA_BASE_URL": self.root_url}
        return {"OPENAI_BASE_URL": f"{self.root_url}/v1"}


def is_bad(text):
    return BAD in text


def refused(status, message):
    return lambda texts: refusal(status, message) if any(map(is_bad, texts)) else None


def vectors(of_bad):
    """Answer with another vector for a bad text; ``None`` leaves it out."""

    def fault(texts):
        return [of_bad(text) if is_bad(text) else vector_of(text) for text in texts]

    return fault


def too_few(texts):
    return [vector_of(text) for text in texts if not is_bad(text)]


def at_most(size, status, message):
    def fault(texts):
        if len(texts) > size:
            return refusal(status, message)
        return refusal(422, "no") if any(map(is_bad, texts)) else None

    return fault


NAN = refused(500, "failed to encode response: json: unsupported value: NaN")
FAULTS = {
    "NaN": NAN,
    "null": vectors(lambda text: None),
    "empty": vectors(lambda text: []),
    "not finite": vectors(lambda text: [float("nan")] * 64),
    "null numbers": vectors(lambda text: [None] * 64),
    "zero": vectors(lambda text: [0.0] * 64),
    "other dimensions": vectors(lambda text: vector_of(text, 32)),
    "missing": too_few,
    "Chinese": refused(400, "输入内容不合法"),
    "413": refused(413, "Payload Too Large"),
    "422": refused(422, "no"),
    "500": refused(500, "boom"),
    "4 texts": at_most(4, 400, "maximum number of 4 texts"),
    "1 text": at_most(1, 400, SINGLE),
}


@pytest.fixture
def folder(tmp_path):
    """Small files, of which one is bad."""
    write_notes(tmp_path / "docs", FILES)
    return tmp_path / "docs"


def write_notes(folder, files):
    notes = {f"f{n:03}.txt": f"Note {n} tells of matter {n * 7919 % 1000}.\n" for n in range(files)}
    # Short, so that it can't be embedded in parts where its length is taken for the reason.
    write_files(folder, notes | {NAMED: f"{BAD} 1\n"})


@pytest.fixture
def quick(monkeypatch):
    """Try once more at most, at once; leave out proxies."""
    monkeypatch.setenv("KNOW_EMBEDDING_RETRIES", "1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    quick_pool = functools.partial(EmbeddingPool, backoff=QUICK)
    monkeypatch.setattr(opening, "EmbeddingPool", quick_pool)


@pytest.fixture
def ingest(run, folder, quick, monkeypatch):
    """Run ``knowledge ingest`` with the folder against a server."""

    def call(server, *flags, protocol="openai", threads=8):
        monkeypatch.setenv("VS_EMBEDDING_PARALLEL_THREAD", str(threads))
        for name, value in server.environment(protocol).items():
            monkeypatch.setenv(name, value)
        provider = f"{protocol}:m"
        return run("ingest", folder, "--json", "--embedding-model-provider", provider, *flags)

    return call


SMALL_CHUNKS = ("--chunk-size", "24", "--chunk-overlap", "0")
number = itertools.count()


def many_sections(sections):
    """Return a text whose sections are a chunk each, with small chunks."""
    return "\n\n".join(
        f"# T{next(number)}\n\nIt tells of matter {n} and of nothing else." for n in range(sections)
    )


def failed_files(run):
    content = run("list-files", "--status", "failed", "--json").json
    return {item["file"]: item["reason"] for item in content["missed"]}


def check_two_runs(run, ingest, folder, server, protocol="openai"):
    """Check that all but the bad file are stored, and that the next run tries only that."""
    files = len(list(folder.iterdir()))
    first = ingest(server, protocol=protocol)
    assert first.code == 4, first.err
    counts = first.json["files"]
    assert (counts["ingested"], counts["failed"]) == (files - 1, 1)
    (problem,) = first.json["problems"]
    assert problem["file"] == str(folder / NAMED)
    assert "m at http://127.0.0.1" in problem["reason"]
    assert list(failed_files(run)) == [str(folder / NAMED)]
    sent = server.sent.copy()
    server.sent.clear()
    second = ingest(server, protocol=protocol)
    assert second.code == 4, second.err
    assert second.json["files"]["unchanged"] == files - 1
    texts = {text for request in server.sent for text in request}
    assert {text for text in texts if text != PLAIN_WORD} == {f"{BAD} 1"}
    return sent


@pytest.mark.parametrize(
    ("fault", "protocol"),
    [*((name, "openai") for name in FAULTS), ("NaN", "ollama"), ("null", "ollama")],
)
def test_one_bad_text_costs_one_file(run, ingest, folder, fault, protocol):
    with Poisoned(FAULTS[fault]) as server:
        check_two_runs(run, ingest, folder, server, protocol)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["NaN", "4 texts"])
def test_one_bad_text_among_many_costs_few_requests(run, ingest, folder, fault):
    write_notes(folder, MANY)
    with Poisoned(FAULTS[fault]) as server:
        sent = check_two_runs(run, ingest, folder, server)
    assert len([texts for texts in sent if any(map(is_bad, texts))]) < 8  # 10 are halved
    if fault == "4 texts":  # learnt by what eight threads had under way, halved once or twice
        assert len([texts for texts in sent if len(texts) > 4]) <= 3 * 8
    passed = [text for texts in sent if len(texts) <= 4 or fault == "NaN" for text in texts]
    good = [text for text in passed if not is_bad(text) and text != PLAIN_WORD]
    assert len(set(good)) == MANY - 1


def test_a_batch_limit_is_learnt_once(ingest, folder):
    write_files(folder, {f"g{n}.md": many_sections(40) for n in range(4)})
    with Poisoned(at_most(4, 400, "maximum number of 4 texts")) as server:
        assert ingest(server, *SMALL_CHUNKS, threads=1).code == 4
    too_large = [number for number, texts in enumerate(server.sent) if len(texts) > 4]
    assert too_large
    assert max(too_large) < len(server.sent) / 2


def test_the_servers_words_are_told_and_the_next_run_takes_what_was_mended(run, ingest, folder):
    with Poisoned(NAN) as server:
        ingest(server)
        assert "unsupported value: NaN" in failed_files(run)[str(folder / NAMED)]
        server.fault = lambda texts: None
        mended = ingest(server)
    assert mended.code == 0
    assert failed_files(run) == {}


def test_an_ingest_of_nothing_but_a_bad_text_fails_and_names_the_file(run, ingest, folder):
    for path in folder.iterdir():
        if path.name != NAMED:
            path.unlink()
    with Poisoned(NAN) as server:
        outcome = ingest(server)
    assert outcome.code == 5
    message = outcome.json["error"]["message"]
    assert message.startswith(str(folder / NAMED))
    assert "unsupported value: NaN" in message


def test_the_version_before_stays_and_so_do_other_files(run, ingest, folder):
    with Poisoned(NAN) as server:
        write_files(folder, {NAMED: "A harmless note.\n"})
        assert ingest(server).code == 0
        write_files(folder, {NAMED: f"{BAD} 2\n", "f000.txt": "Changed as well.\n"}, age=1800)
        outcome = ingest(server)
    assert outcome.code == 4
    assert outcome.json["files"]["ingested"] == 1
    assert "A harmless note." in run("get-file", folder / NAMED, "--text").out


def test_a_file_is_whole_or_failed(run, ingest, folder):
    for path in folder.iterdir():
        path.unlink()
    text = many_sections(60).replace("matter 30 ", f"{BAD} ")
    write_files(folder, {"big.md": text, "good.md": "A harmless note.\n"})
    with Poisoned(NAN) as server:
        outcome = ingest(server, *SMALL_CHUNKS)
    assert outcome.code == 4
    assert outcome.json["chunks"]["added"] == 1
    assert list(failed_files(run)) == [str(folder / "big.md")]


# Other commands


@pytest.fixture
def poisoned(quick, monkeypatch):
    monkeypatch.setenv("KNOW_EMBEDDING_MODEL_PROVIDER", "openai:m")
    with Poisoned(NAN) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.root_url}/v1")
        yield server


@pytest.mark.parametrize("flags", [[], ["--query"]])
def test_embed_names_the_text_and_gives_the_others(run, poisoned, flags):
    texts = ["one", f"{BAD} 1", "two", f"{BAD} 2", "three"]
    content = run("embed", *texts, *flags, "--json")
    assert content.code == 4
    assert [(one["index"], one["text"]) for one in content.json["embeddings"]] == [
        (0, "one"),
        (2, "two"),
        (4, "three"),
    ]
    assert [one["index"] for one in content.json["refused"]] == [1, 3]
    assert "unsupported value: NaN" in content.json["refused"][0]["reason"]
    outcome = run("embed", "-", *flags, stdin="\n".join(texts))
    assert outcome.code == 4
    assert len(outcome.out.splitlines()) == 3
    assert "text 2 has no vector" in outcome.err
    assert "text 4 has no vector" in outcome.err


def test_a_watch_goes_on_past_a_bad_text(run, poisoned, folder):
    assert run("watch", folder, "--once").code == 4
    assert list(failed_files(run)) == [str(folder / NAMED)]
    write_files(folder, {"more.txt": "A further note.\n", "worse.txt": f"{BAD} 2\n"})
    assert run("watch", folder, "--once").code == 4
    assert sorted(failed_files(run)) == [str(folder / NAMED), str(folder / "worse.txt")]
    (dataset,) = run("list-datasets", "--json").json["datasets"]
    assert dataset["files"] == FILES


def test_embed_of_nothing_but_a_bad_text_fails(run, poisoned, tmp_path):
    assert run("embed", BAD, "--json").code == 5
    target = tmp_path / "vectors.npy"
    outcome = run("embed", "one", BAD, "--output", "npy", "--target", target)
    assert outcome.code == 5
    assert "text 2" in outcome.err
    assert not target.exists()


def test_reembed_changes_nothing_and_names_the_files(run, poisoned, folder):
    for number in (3, 5):
        write_files(folder, {f"f{number:03}.txt": f"{BAD} {number}\n"})
    assert run("ingest", folder, "--embedding-model-provider", "static").code == 0
    outcome = run("reembed", "default", "--json", "--embedding-model-provider", "openai:m")
    assert outcome.code == 5
    message = outcome.json["error"]["message"]
    assert message.startswith("the model refuses a text of 3 files: ")
    assert all(str(folder / name) in message for name in ("f003.txt", "f005.txt", NAMED))
    assert "unsupported value: NaN" in message
    (dataset,) = run("list-datasets", "--json").json["datasets"]
    assert (dataset["files"], dataset["embedding"]["provider"]) == (FILES, "static")
    assert run("retrieve", BAD, "--json").code == 0


def test_an_index_is_not_rebuilt_without_a_file_which_is_named(run, poisoned, folder, data_dir):
    poisoned.fault = lambda texts: None
    assert run("ingest", folder, "--no-cache").code == 0
    flip_a_bit(graph(data_dir))
    poisoned.fault = NAN
    outcome = run("doctor", "--fix")
    assert outcome.code == 7
    assert f"refuses a text of 1 file: {folder / NAMED} (" in outcome.out
    assert "unsupported value: NaN" in outcome.out
    poisoned.fault = lambda texts: None
    assert run("doctor", "--fix").code == 0
    (dataset,) = run("list-datasets", "--json").json["datasets"]
    assert dataset["files"] == FILES


def test_a_model_in_this_process_may_refuse_a_text_too(run, folder, tmp_path, monkeypatch):
    (tmp_path / "picky.py").write_text(
        "import hashlib\n"
        "class Picky:\n"
        "    def embed_documents(self, texts):\n"
        "        if any('poison' in text for text in texts):\n"
        "            raise RuntimeError('index out of range in self')\n"
        "        return [list(hashlib.sha256(text.encode()).digest()) for text in texts]\n"
        "    def embed_query(self, text):\n"
        "        return self.embed_documents([text])[0]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    outcome = run("ingest", folder, "--json", "--embedding-model-provider", "langchain:picky.Picky")
    assert outcome.code == 4, outcome.err
    assert outcome.json["files"]["ingested"] == FILES - 1
    assert "index out of range" in failed_files(run)[str(folder / NAMED)]


# Servers that are broken, or not there


BROKEN = {
    "400": lambda texts: refusal(400, "出错了"),
    "NaN": lambda texts: refusal(500, "unsupported value: NaN"),
    "500": lambda texts: refusal(500, "boom"),
    "null": lambda texts: [None for _ in texts],
    "none": lambda texts: [],
    "same": lambda texts: [[1.0, 2.0]] * len(texts),
    "html": lambda texts: Reply(200, "<html>welcome</html>"),
    "401": lambda texts: refusal(401, "no such key"),
    "404": lambda texts: refusal(404, "model not found"),
}


@pytest.mark.parametrize(
    ("kind", "threads"), [*((kind, 8) for kind in BROKEN), ("400", 1), ("500", 1), ("none", 64)]
)
def test_a_broken_server_ends_the_run_within_few_requests(run, ingest, kind, threads):
    fault = BROKEN[kind]
    with Poisoned(fault) as server:
        outcome = ingest(server, threads=threads)
    assert outcome.code == 5
    assert outcome.json["error"]["code"].startswith("embedding-")
    # A batch for each thread, and for each batch a plain word: two tries each.
    assert len(server.sent) <= 4 * threads + 4


@pytest.mark.parametrize("message", ["unsupported value: NaN", "boom"])
def test_a_server_that_breaks_on_the_way_ends_the_run_and_keeps_what_was_done(
    run, ingest, folder, message
):
    def fault(texts):
        with lock:
            count.append(1)
            return refusal(500, message) if len(count) > 5 else None

    count, lock = [], threading.Lock()
    write_notes(folder, 120)
    with Poisoned(fault) as server:
        outcome = ingest(server, threads=1)
    assert outcome.code == 5
    assert message in outcome.json["error"]["message"]
    assert len(server.sent) < 50
    (dataset,) = run("list-datasets", "--json").json["datasets"]
    assert 1 <= dataset["files"] <= 50


def closed_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:{port}/v1", "http://nowhere.invalid/v1"], ids=["port", "name"]
)
def test_a_server_that_is_not_there_is_told_after_few_tries(run, folder, monkeypatch, address):
    monkeypatch.setenv("OPENAI_BASE_URL", address.format(port=closed_port()))
    outcome = run("ingest", folder, "--json", "--embedding-model-provider", "openai:m")
    assert outcome.code == 5
    assert outcome.json["error"]["code"] == "embedding-unavailable"
    assert "can't reach" in outcome.json["error"]["message"]
    assert tries_told(outcome) <= 3  # all of them would take half a minute


def tries_told(outcome):
    told = re.search(r"\((\d+) tries\)", outcome.json["error"]["message"])
    return int(told[1]) if told else 1


@pytest.mark.slow
def test_a_server_that_speaks_no_tls_is_told_after_few_tries(run, folder, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with OpenAIServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url.replace("http:", "https:"))
        outcome = run("ingest", folder, "--json", "--embedding-model-provider", "openai:m")
    assert outcome.code == 5
    assert tries_told(outcome) <= 3


def test_a_server_that_goes_away_and_comes_back_is_waited_for():
    away = iter([False] * 3 + [True] * 6 + [False] * 99)

    def before(texts):
        if next(away):
            raise RemoteUnavailableError("connection refused", unreachable=True)

    texts = [f"text {number}" for number in range(40)]
    with new_pool(FakeEmbedder(before), threads=1, batch_size=4, retries=6) as pool:
        assert pool.embed(texts).shape == (40, 16)


# The pool by itself


class Refusing(FakeEmbedder):
    """Refuses some texts, each in a way of its own."""

    def __init__(self, bad, **options):
        super().__init__(self._refuse, **options)
        self.bad = bad

    def _refuse(self, texts):
        for text in texts:
            if text in self.bad:
                kind = hash(text) % 3
                if kind == 0:
                    raise RemoteError(f"no {text}")
                if kind == 1:
                    raise RemoteUnavailableError(f"no {text}")
                raise ValueError(f"no {text}")  # as a library in this process does


TEXTS = [f"text number {number}" for number in range(60)]


@settings(max_examples=60, deadline=None)
@given(
    bad=st.sets(st.sampled_from(TEXTS)),
    threads=st.sampled_from([1, 2, 8, 64]),
    batch_size=st.integers(1, 40),
    known=st.booleans(),
    together=st.integers(1, 4),
)
def test_exactly_the_submits_with_a_bad_text_fail(bad, threads, batch_size, known, together):
    cache, embedder = DictCache(), Refusing(bad, known=known)
    submits = [TEXTS[start : start + together] for start in range(0, len(TEXTS), together)]
    with new_pool(embedder, threads=threads, batch_size=batch_size, retries=1, cache=cache) as pool:
        futures = [pool.submit(texts) for texts in submits]
        pool.flush()
        for texts, future in zip(submits, futures, strict=True):
            error = future.exception(timeout=30)
            if not bad & set(texts):
                assert abs(future.result() - unit_vectors(texts)).max() < 1e-5
            else:
                assert error.of_one_text
                assert any(text in error.message for text in bad & set(texts))
    assert not any(worker.is_alive() for worker in pool._workers)
    good = [text for text in TEXTS if text not in bad]
    passed = [request for request in embedder.requests if not bad & set(request)]
    times = [sum(request.count(text) for request in passed) for text in good]
    assert max(times, default=0) <= 1  # nothing is paid twice
    assert len(cache.vectors) == sum(times)


class PanicException(BaseException):
    """What a panic in a library written in Rust becomes."""


@pytest.mark.parametrize("kind", [PanicException, SystemExit, MemoryError, RecursionError])
def test_whatever_a_library_raises_costs_one_text(kind):
    def before(texts):
        if TEXTS[3] in texts:
            raise kind("at the disco")

    with new_pool(FakeEmbedder(before), threads=2, batch_size=8) as pool:
        futures = [pool.submit([text]) for text in TEXTS]
        pool.flush()
        errors = [future.exception(timeout=60) for future in futures]
    assert [number for number, error in enumerate(errors) if error] == [3]
    assert kind.__name__ in errors[3].message


class Odd(BaseException):
    """What nobody expects."""


def test_what_nobody_expects_reaches_who_waits():
    def before(texts):
        raise Odd

    with new_pool(FakeEmbedder(before), threads=2, batch_size=8) as pool:
        futures = [pool.submit([text]) for text in TEXTS]
        pool.flush()
        assert {type(future.exception(timeout=60)) for future in futures} == {Odd}


def test_a_bad_text_among_many_costs_two_requests_for_each_halving():
    embedder = Refusing({TEXTS[17]})
    with new_pool(embedder, threads=1, batch_size=64, retries=0) as pool:
        futures = [pool.submit([text]) for text in TEXTS]
        pool.flush()
        assert [bool(future.exception(timeout=60)) for future in futures].count(True) == 1
    assert len(embedder.requests) <= 2 + 2 * 6 + 3


def test_texts_that_all_fail_end_the_sending_at_some_point():
    embedder = FakeEmbedder(lambda texts: PLAIN_WORD in texts or 1 / 0)
    with new_pool(embedder, threads=1, batch_size=1) as pool:
        futures = [pool.submit([f"text {number}"]) for number in range(500)]
        errors = [future.exception(timeout=60) for future in futures]
    assert sum(error.of_one_text for error in errors) == HOPELESS - 1
    assert len(embedder.requests) <= HOPELESS + HOPELESS // DOUBTFUL


def test_a_refused_key_within_a_divided_batch_ends_all():
    def before(texts):
        if len(texts) == 1 and texts != [PLAIN_WORD]:
            raise RemoteAuthError("expired")
        if len(texts) > 1:
            raise RemoteError("no")

    embedder = FakeEmbedder(before)
    with new_pool(embedder, threads=1, batch_size=8) as pool:
        futures = [pool.submit([text]) for text in TEXTS]
        pool.flush()
        errors = {type(future.exception(timeout=60)) for future in futures}
    assert errors == {RemoteAuthError}
    assert len(embedder.requests) < 8


def test_texts_that_nobody_waits_for_any_more_are_not_sent():
    embedder = Refusing({TEXTS[0]})
    with new_pool(embedder, threads=1, batch_size=4, retries=0) as pool:
        future = pool.submit(TEXTS)
        other = pool.submit(["another text"])
        pool.flush()
        assert future.exception(timeout=60).of_one_text
        assert other.result(timeout=60).shape == (1, 16)
    assert len(embedder.requests) < 20


def test_an_embedder_whose_vector_has_other_dimensions_does_not_decide_them():
    class Odd(FakeEmbedder):
        def embed_documents(self, texts):
            self.dimensions = 5 if texts == [TEXTS[0]] else 16
            if TEXTS[0] in texts and len(texts) > 1:
                raise RemoteError("vectors of different dimensions")
            return super().embed_documents(texts)

    with new_pool(Odd(known=False), threads=1, batch_size=2) as pool:
        futures = [pool.submit([text]) for text in TEXTS[:6]]
        pool.flush()
        failed = [bool(future.exception(timeout=60)) for future in futures]
    assert failed == [True] + [False] * 5
