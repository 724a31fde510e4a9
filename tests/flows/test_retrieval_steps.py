"""Query modifiers, retrievers and postprocessors of a flow, as they show in the hits."""

from __future__ import annotations

import itertools
import shutil

import pytest
import yaml

from knowledge import KnowledgeBase
from knowledge.errors import DatasetNotFoundError, FlowsFileError
from knowledge.settings.reading import Settings
from tests.conftest import write_files
from tests.flows.test_ingest_steps import step
from tests.openai_server import Reply, refusal

CORPUS = {
    "keys.md": "# Signing keys\n\nRotate the signing key every 90 days.\n",
    "travel.md": "# Travel\n\nA night in a hotel may cost 140 euros.\n",
    "canteen.txt": "The canteen serves lunch from 11:15 to 13:00.\n",
    "badges.md": "# Badges\n\nThe reception gives you a badge and a locker.\n",
    "firmware.txt": "A downgrade of the firmware below 4.7.0 is refused.\n",
    "titles.md": "# Lunch\n\n## Hotel\n",
}


@pytest.fixture(scope="session")
def two_datasets(tmp_path_factory):
    """A data folder with the datasets ``default`` and ``handbook``."""
    home = tmp_path_factory.mktemp("flows")
    write_files(home / "one", CORPUS)
    write_files(home / "two", {"pets.txt": "Dogs may come to the office on Fridays.\n"})
    settings = Settings.read(environ={}, folder=home, data_dir=str(home / "data"))
    with KnowledgeBase(settings) as kb:
        kb.ingest(home / "one")
        kb.ingest(home / "two", "handbook")
        kb.datasets.edit("handbook", {"about": "rules of the office"})
    return home / "data"


@pytest.fixture
def ask(kb, flows_file, two_datasets, data_dir):
    """Ask by a flow of these parts; return the hits."""
    shutil.copytree(two_datasets, data_dir)
    bases = []

    def run(query="When is lunch?", *, datasets=None, settings=None, **parts):
        options = {name: parts.pop(name) for name in list(parts) if name in OPTIONS}
        content = {"flows": {"a": {"default": True, "retrieval": parts}}}
        base = kb(flows_file=flows_file(yaml.safe_dump(content)), **(settings or {}))
        bases.append(base)
        return base.retrieve(query, datasets, **options)

    run.notes = lambda: [note for base in bases for note in base.notes]
    return run


OPTIONS = ("top_k", "mode", "where", "files", "keywords", "rerank", "fold", "context")


def names(hits):
    return [hit.name for hit in hits]


# Retrievers


def test_without_a_retriever_it_is_the_usual_way(ask, kb):
    usual = kb().retrieve("When is lunch?")
    assert ask(postprocessors=[]) == usual


@pytest.mark.parametrize("name", ["basic", "default"])
def test_basic_is_cosine(ask, kb, name):
    hits = ask(retriever=step(name, topK=3))
    assert names(hits) == names(kb().retrieve("When is lunch?", mode="dense"))[:3]
    assert all(hit.score == hit.cosine for hit in hits)


def test_basic_in_another_mode(ask, kb):
    hits = ask(retriever=step("basic", topK=4, mode="hybrid"))
    assert names(hits) == names(kb().retrieve("When is lunch?", mode="hybrid"))[:4]


def test_bm25_finds_words_only(ask):
    hits = ask("hotel LUNCH, please", retriever=step("bm25", topN=5))
    assert set(names(hits)) == {"canteen.txt", "travel.md", "titles.md"}


def test_parameters_of_bm25_count(ask):
    by = {}
    for k1, b in itertools.product((0.0, 3.0), (0.0, 1.0)):
        hits = ask("the hotel", retriever=step("bm25", k1=k1, b=b))
        by[k1, b] = {hit.name: hit.score for hit in hits}
    assert by[0.0, 0.0] == by[0.0, 1.0]  # without k1 nothing but rarity counts
    assert by[3.0, 0.0] != by[3.0, 1.0]
    assert len({str(scores) for scores in by.values()}) == 3


@pytest.mark.parametrize(
    ("languages", "found"), [([], True), (["en"], False), (["auto"], False), (["de"], True)]
)
def test_stop_words(ask, languages, found):
    hits = ask("what is refused by the", retriever=step("bm25", cleanStopWords=languages))
    assert ("canteen.txt" in names(hits)) is found
    assert "firmware.txt" in names(hits)


def test_merge_is_the_weighted_sum(ask):
    def merge(dense, words):
        parts = [
            {"name": "basic", "weight": dense, "options": {"topK": 5}},
            {"name": "bm25", "weight": words, "options": {"topN": 5}},
        ]
        return ask("lunch", retriever=step("merge", topK=4, retrievers=parts))

    hits = merge(0.7, 0.3)
    assert len(hits) == 4
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    for hit in hits:
        told = hit.metadata
        dense = told.get("retrieverScoreNormalized::basic", 0)
        words = told.get("retrieverScoreNormalized::bm25", 0)
        assert hit.score == pytest.approx(0.7 * dense + 0.3 * words)
    assert hits[0].metadata["retriever"] == "basic, bm25"
    assert names(merge(1, 0)) == names(ask("lunch", retriever=step("basic", topK=4)))
    words = names(ask("lunch", retriever=step("bm25")))
    assert names(merge(0, 1))[: len(words)] == words
    assert merge(0.7, 0.3) == hits  # the same each time


def test_merge_of_one_retriever_twice(ask):
    parts = [{"name": "basic"}, {"name": "basic", "options": {"mode": "keyword"}}]
    hits = ask("lunch", retriever=step("merge", retrievers=parts))
    assert "retrieverScore::basic-2" in hits[0].metadata


def test_subquery(ask, chat):
    server = chat([{"subqueries": ["When is lunch?", "What may a hotel cost?", "more", "more"]}])
    hits = ask(
        "When is lunch, and what may a hotel cost?",
        retriever=step("subquery", limit=2, topK=2),
    )
    assert {"canteen.txt", "travel.md"} <= set(names(hits))
    assert len(names(hits)) == len({hit.chunk.id for hit in hits})
    assert "at most 2 queries" in server.questions[0]


def test_subquery_asks_the_model_it_names(ask, chat):
    server = chat([{"subqueries": ["lunch"]}])
    ask(retriever=step("subquery", model={"openai": {"model": "wise", "apiKey": "sk-own"}}))
    assert server.chats[0].body["model"] == "wise"
    assert server.chats[0].headers["authorization"] == "Bearer sk-own"


def test_routing(ask, chat):
    server = chat([{"dataset": "handbook"}])
    hits = ask("May dogs come?", retriever=step("routing"))
    assert {hit.dataset for hit in hits} == {"handbook"}
    assert "rules of the office" in server.questions[0]
    shape = server.chats[0].body["response_format"]["json_schema"]["schema"]
    assert shape["properties"]["dataset"]["enum"] == ["default", "handbook"]


def test_routing_checks_the_reply(ask, chat):
    server = chat([{"dataset": "handbok"}, {"dataset": "handbook"}])
    hits = ask("May dogs come?", retriever=step("routing"))
    assert {hit.dataset for hit in hits} == {"handbook"}
    assert "handbok" in server.questions[1]


def test_routing_among_some(ask, chat):
    server = chat(["never asked"])
    hits = ask("lunch", retriever=step("routing", availableDatasets=["handbook", "gone"]))
    assert {hit.dataset for hit in hits} == {"handbook"}
    hits = ask("lunch", datasets="default", retriever=step("routing"))
    assert {hit.dataset for hit in hits} == {"default"}
    assert server.chats == []
    with pytest.raises(DatasetNotFoundError, match="'gone'"):
        ask(retriever=step("routing", availableDatasets=["gone"]))
    with pytest.raises(DatasetNotFoundError, match="the datasets 'handbook', but 'default' is"):
        ask(datasets="default", retriever=step("routing", availableDatasets=["handbook"]))


def test_routing_that_fails_searches_all(ask, chat):
    chat(["no idea"])
    hits = ask("May dogs come?", retriever=step("routing"))
    assert {hit.dataset for hit in hits} == {"default", "handbook"}
    assert "without its step 'routing'" in ask.notes()[0]


# Query modifiers


@pytest.mark.parametrize("name", ["spellcheck", "enhance"])
def test_one_query_for_another(ask, chat, name):
    server = chat([{"result": "hotel"}])
    hits = ask("hottel", queryModifiers=[{"name": name}], retriever=step("basic", mode="keyword"))
    assert set(names(hits)) == {"travel.md", "titles.md"}
    assert server.questions[0].endswith("Query: hottel")


@pytest.mark.parametrize(
    "reply",
    [{"results": ["hotel", "firmware", "hotel"]}, {"result": ["hotel", "firmware"]}],
)
def test_generic_gives_several_queries(ask, chat, reply):
    server = chat([reply])
    modifier = step("generic", prompt="Say {{.query}} in other words, {braces} too.")
    hits = ask("x", queryModifiers=[modifier], retriever=step("bm25"))
    assert set(names(hits)) == {"travel.md", "titles.md", "firmware.txt"}
    assert server.questions[0] == "Say x in other words, {braces} too."


def test_generic_without_a_place_for_the_query(ask, chat):
    server = chat([{"result": "hotel"}])
    ask("x", queryModifiers=[step("generic", prompt="Translate.")])
    assert server.questions[0] == "Translate.\n\nQuery: x"


def test_modifiers_one_after_the_other(ask, chat):
    server = chat([{"result": "b"}, {"results": ["c", "d"]}])
    modifiers = [{"name": "spellcheck"}, step("generic", prompt="{{ .query }}!")]
    ask("a", queryModifiers=modifiers)
    assert server.questions[1] == "b!"


@pytest.mark.parametrize(
    "answers",
    [
        [Reply(status=500, body="boom")],
        [refusal(401, "no key")],
        ["no JSON", "still none"],
        [{"result": "  "}],
    ],
)
@pytest.mark.parametrize("name", ["spellcheck", "subquery"])
def test_a_model_that_fails_leaves_the_query_as_it_is(ask, chat, name, answers):
    if name == "subquery":
        answers = [{"subqueries": [" "]} if "result" in str(one) else one for one in answers]
    chat(answers)
    parts = (
        {"retriever": step("subquery", topK=3)}
        if name == "subquery"
        else {"queryModifiers": [{"name": name}], "retriever": step("basic", topK=3)}
    )
    assert names(ask(**parts)) == names(ask(retriever=step("basic", topK=3)))
    assert f"flow 'a' goes on without its step {name!r}" in ask.notes()[0]


def test_without_a_model_it_goes_on(ask):
    hits = ask(queryModifiers=[{"name": "enhance"}], retriever=step("basic", topK=3))
    assert names(hits) == names(ask(retriever=step("basic", topK=3)))
    assert "no chat model is set" in ask.notes()[0]


# Postprocessors

ALL = step("basic", topK=6)


def test_similarity(ask):
    hits = ask(retriever=ALL)
    middle = hits[2].score
    assert ask(retriever=ALL, postprocessors=[step("similarity", threshold=middle)]) == hits[:3]
    kept = ask(retriever=ALL, postprocessors=[step("similarity", threshold=2, keepMin=2)])
    assert kept == hits[:2]
    assert ask(retriever=ALL, postprocessors=[step("similarity", threshold=2)]) == []


def test_reduce(ask):
    assert len(ask(retriever=ALL, postprocessors=[step("reduce", topK=2)])) == 2


def test_bm25_reranks(ask):
    def ranked(**options):
        return ask("hotel", retriever=ALL, postprocessors=[step("bm25", **options)])

    assert names(ranked()) == names(ask("hotel", retriever=ALL))  # no share, no change
    words = ranked(sparseWeight=1.0, k1=1.5, b=0.5)
    assert set(names(words)[:2]) == {"travel.md", "titles.md"}
    assert words[0].metadata["bm25Score"] > 0 == words[-1].metadata["bm25Score"]
    assert words[0].metadata["combinedScore"] == words[0].score
    assert len(ranked(sparseWeight=0.5, topN=3)) == 3


def test_cohere_rerank(ask, monkeypatch):
    from tests.openai_server import LoopbackServer

    class Cohere(LoopbackServer):
        def reply(self, request):
            places = range(len(request.body["documents"]))
            results = [{"index": place, "relevance_score": place / 10} for place in places]
            return Reply(200, {"results": results})

    before = ask(retriever=ALL)
    with Cohere() as server:
        monkeypatch.setenv("COHERE_BASE_URL", server.root_url)
        monkeypatch.setenv("MY_KEY", "co-secret")
        rerank = step("cohere_rerank", apiKey="${MY_KEY}", model="rerank-x", topN=4)
        hits = ask(retriever=ALL, postprocessors=[rerank])
    assert names(hits) == names(before)[::-1][:4]
    assert hits[0].metadata["rerankRelevanceScore"] == hits[0].score == 0.5
    (request,) = server.requests
    assert request.body["model"] == "rerank-x"
    assert request.headers["authorization"] == "Bearer co-secret"


def test_rerank_by_any_name(ask):
    hits = ask(
        "hotel",
        retriever=ALL,
        postprocessors=[{"name": "rerank", "options": {"name": "bm25", "topN": 2}}],
    )
    assert set(names(hits)) == {"travel.md", "titles.md"}


def test_content_substring_filter(ask):
    def kept(**options):
        return set(
            names(ask(retriever=ALL, postprocessors=[step("content_substring_filter", **options)]))
        )

    assert kept(contains=["hotel", "140"]) == {"travel.md"}
    assert kept(contains=["HOTEL"]) == set()
    assert kept(notContains=["e"]) == set()
    assert kept(contains=["The"], notContains=["badge"]) == {"canteen.txt"}
    assert len(kept()) == 6


@pytest.mark.parametrize("include", [True, False])
def test_content_filter(ask, chat, include):
    server = chat(lambda request: {"answer": "hotel" in str(request.body["messages"]).lower()})
    question = step("content_filter", question="Is it about beds?", include=include)
    hits = ask(retriever=ALL, postprocessors=[question])
    beds = {"travel.md", "titles.md"}
    assert set(names(hits)) == (beds if include else set(CORPUS) - beds)
    assert all("Question: Is it about beds?" in asked for asked in server.questions)


def test_a_content_filter_that_fails_keeps_all(ask, chat):
    chat(["maybe"])
    hits = ask(retriever=ALL, postprocessors=[step("content_filter", question="?")])
    assert len(hits) == 6
    assert len(ask.notes()) == 1


def test_metadata_of_hits(ask):
    changes = [
        {"operator": "upsert", "key": "title", "value": "x"},
        {"operator": "add", "key": "level", "value": 1},
        {"operator": "remove", "key": "team"},
    ]
    steps = [
        step("extra_metadata", metadata={"team": "a"}),
        step("metadata", manipulations=changes),
    ]
    (hit,) = ask("hotel", retriever=step("basic", topK=1), postprocessors=steps)
    assert hit.metadata == {"title": "x", "level": 1}
    again = [step("metadata", manipulations=[{"operator": "add", "key": "title", "value": 1}])]
    with pytest.raises(FlowsFileError, match="adds the metadata 'title'"):
        ask("hotel", retriever=step("basic", topK=1), postprocessors=again)


def test_hits_of_nothing_but_headings(ask):
    filtered = ask(retriever=ALL, postprocessors=[{"name": "filter_markdown_docs_no_content"}])
    assert set(names(filtered)) == set(CORPUS) - {"titles.md"}


def test_keywords_of_hits(ask, chat):
    chat([{"keywords": ["one", "two", "three"]}])
    (hit,) = ask(retriever=step("basic", topK=1), postprocessors=[step("keywords", NumKeywords=2)])
    assert hit.metadata["keywords"] == ["one", "two"]


# The user's word wins


@pytest.mark.parametrize("k", [1, 5])
def test_top_k_wins(ask, k):
    parts = {"retriever": step("basic", topK=3), "postprocessors": [step("reduce", topK=2)]}
    assert len(ask(**parts)) == 2
    assert len(ask(top_k=k, **parts)) == k


def test_top_k_is_what_remains_of_a_reranking(ask):
    rerank = {"name": "rerank", "options": {"name": "bm25", "topN": 3}}
    (hit,) = ask("hotel", top_k=1, retriever=ALL, postprocessors=[rerank])
    assert hit.name in ("travel.md", "titles.md")


def test_mode_wins_over_the_retriever(ask):
    assert ask("Hilton", mode="keyword", retriever=step("basic", topK=3)) == []


def test_filters_hold_in_every_search(ask, chat):
    chat([{"subqueries": ["lunch", "hotel"]}])
    hits = ask(files=["*.txt"], retriever=step("subquery", topK=5))
    assert hits
    assert all(hit.name.endswith(".txt") for hit in hits)


def test_refinements_come_after_the_flow(ask):
    (hit, *_) = ask("hotel", rerank="bm25", retriever=ALL)
    assert hit.name in ("travel.md", "titles.md")
    assert "rerank" in hit.scores
