"""What each mode finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from knowledge import KnowledgeBase
from knowledge.errors import DatasetNotFoundError, UsageError
from tests.conftest import write_files

ERRORS = {
    "reset.md": "# Connections\n\nERR_CONN_RESET means that the server closed the connection.",
    "refused.md": "# Connections\n\nERR_CONN_REFUSED means that nobody listens on the port.",
    "timeout.md": "# Connections\n\nERR_TIMED_OUT means that the server did not answer in time.",
    "releases.md": "Version v2.3.1 fixes the gateway. Version v2.4.0 adds certificates.",
    "older.md": "Version v2.3.2 and v3.2.1 fix the printer.",
    "code.md": "Call foo_bar() before you call getUserName(), else foo and bar stay empty.",
    "other.md": "The foo stands beside the bar; users have names that you get from the office.",
}


def names(hits):
    return [Path(hit.file).name for hit in hits]


@pytest.mark.parametrize("mode", ["keyword", "hybrid", "auto"])
@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("ERR_CONN_RESET", "reset.md"),
        ("err_conn_refused?", "refused.md"),
        ("v2.3.1", "releases.md"),
        ("foo_bar()", "code.md"),
        ("What does getUserName do", "code.md"),
        ("getusername", "code.md"),
    ],
)
def test_an_identifier_finds_its_passage(asked_of, mode, question, name):
    kb = asked_of(ERRORS)
    assert names(kb.retrieve(question, mode=mode))[0] == name


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("SERVERS closing connections!", "reset.md"),
        ("certificate", "releases.md"),
        ("PRINTERS", "older.md"),
    ],
)
def test_words_are_compared_without_case_signs_and_endings(asked_of, question, name):
    assert names(asked_of(ERRORS).retrieve(question, mode="keyword"))[0] == name


def test_keyword_finds_only_what_holds_a_word(asked_of):
    kb = asked_of(ERRORS)
    assert names(kb.retrieve("printer", mode="keyword")) == ["older.md"]
    assert kb.retrieve("zebra", mode="keyword") == []
    assert len(kb.retrieve("zebra", mode="hybrid")) == len(ERRORS)


def test_every_hit_has_its_cosine_and_the_parts_of_its_score(asked_of):
    kb = asked_of(ERRORS)
    cosines = {}
    for mode in ("dense", "hybrid", "keyword"):
        for hit in kb.retrieve("server connection", mode=mode):
            assert cosines.setdefault(hit.chunk.id, hit.cosine) == hit.cosine
            assert hit.scores["dense"] == hit.cosine
            assert ("keyword" in hit.scores) == (mode != "dense")
            assert ("dense_rank" in hit.scores) == (mode != "keyword")
    assert len(cosines) == len(ERRORS)
    first = kb.retrieve("server connection", mode="keyword")[0]
    assert first.score == first.scores["keyword"] > 0
    assert first.scores["keyword_rank"] == 1
    assert kb.retrieve("server connection", mode="dense")[0].score == first.cosine


def test_a_threshold_is_the_least_cosine_in_each_mode(asked_of):
    kb = asked_of(ERRORS)
    for mode in ("dense", "hybrid", "keyword"):
        every = kb.retrieve("server connection", mode=mode)
        limit = sorted(hit.cosine for hit in every)[len(every) // 2]
        kept = kb.retrieve("server connection", mode=mode, threshold=limit)
        assert names(kept) == names(hit for hit in every if hit.cosine >= limit)


def test_auto_is_hybrid_for_static(asked_of):
    kb = asked_of(ERRORS)
    assert kb.retrieve("x").query.mode == "hybrid"
    assert kb.retrieve("server port") == kb.retrieve("server port", mode="hybrid")


def test_auto_is_dense_for_other_models(knowledge_of, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1])
    from knowledge import KnowledgeBase

    kb = knowledge_of({"a.txt": "one"})
    with KnowledgeBase.open(
        kb._shared.store.root, embedding_model_provider="python:tests.retrieval.letters:Letters"
    ) as other:
        write_files(kb._shared.store.root.parent / "more", {"b.txt": "another one"})
        other.ingest(kb._shared.store.root.parent / "more", "letters")
        assert other.retrieve("x", "letters").query.mode == "dense"
        assert other.retrieve("x", ["letters", "default"]).query.mode == "hybrid"
        both = other.retrieve("one", ["letters", "default"])
        assert sorted(hit.dataset for hit in both) == ["default", "letters"]


GERMAN = {
    "schluessel.txt": "Der Signaturschlüssel wird alle neunzig Tage gewechselt, und das ist nicht "
    "verhandelbar. Die Schlüssel sind mit dem Tresor verbunden.",
    "haus.txt": "Das Haus ist mit der Straße verbunden. Die Häuser sind nicht für den Verkauf.",
    "ключи.txt": "Ключи подписи меняются каждые девяносто дней. Серверы хранят ключи.",
    "english.txt": "The signing keys are rotated every ninety days. Servers keep the keys.",
}


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("Hauses", "haus.txt"),
        ("strasse", "haus.txt"),
        ("Schlüsseln", "schluessel.txt"),
        ("сервера", "ключи.txt"),
        ("КЛЮЧ", "ключи.txt"),
        ("rotating", "english.txt"),
    ],
)
def test_each_text_is_found_in_its_language(asked_of, question, name):
    assert names(asked_of(GERMAN).retrieve(question, mode="keyword"))[0] == name


UNSPACED = {
    "钥匙.txt": "签名密钥每九十天轮换一次。密钥保存在保险箱里。",
    "旅行.txt": "酒店一晚的费用不得超过一百四十欧元。",
    "食堂.txt": "食堂从十一点开始供应午餐。",
    "鍵.txt": "署名キーは九十日ごとに交換してください。",
    "กุญแจ.txt": "ต้องเปลี่ยนกุญแจทุกเก้าสิบวัน",
}


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("如何轮换签名密钥？", "钥匙.txt"),
        ("酒店多少钱", "旅行.txt"),
        ("午餐什么时候开始", "食堂.txt"),
        ("午", "食堂.txt"),
        ("キーの交換", "鍵.txt"),
        ("กุญแจ", "กุญแจ.txt"),
    ],
)
@pytest.mark.parametrize("mode", ["keyword", "auto"])
def test_scripts_without_spaces(asked_of, question, name, mode):
    assert names(asked_of(UNSPACED).retrieve(question, mode=mode))[0] == name


def test_stop_words_count_only_when_there_are_no_others(knowledge_of):
    kb = knowledge_of({"a.txt": "to be or not to be", "b.txt": "a key", "c.txt": "the lock"})
    assert names(kb.retrieve("to be or not to be", mode="keyword")) == ["a.txt"]
    assert names(kb.retrieve("what is the key", mode="keyword")) == ["b.txt"]


HOSTILE = [
    "?",
    '"',
    '"" OR ""',
    "NEAR(",
    "NEAR(key, 2)",
    "*",
    "key*",
    "^key",
    "terms:key",
    "key AND NOT",
    "-key",
    "(((",
    "'; DROP TABLE chunks; --",
    "\0",
    "key\0lock",
    "\N{GRINNING FACE}",
    "\N{FAMILY}\N{ZERO WIDTH JOINER}\N{GIRL}",
    "\u202eyek eht\u202c",
    "שלום עולם",
    "مرحبا بالعالم",
    "\u0301\u0302",
    "the of and",
    "\ud800",
    "a" * 100_000,
    "key " * 50_000,
]


@pytest.mark.parametrize("mode", ["dense", "keyword", "hybrid"])
def test_any_question_gets_an_answer(knowledge_of, mode):
    kb = knowledge_of({"a.txt": "The key of the lock.", "b.txt": "مرحبا", "c.txt": "NEAR here"})
    for question in HOSTILE:
        hits = kb.retrieve(question, mode=mode)
        assert len(hits) <= 3
        assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    assert names(kb.retrieve("NEAR(", mode="keyword")) == ["c.txt"]
    assert names(kb.retrieve("مرحبا بالعالم", mode="keyword")) == ["b.txt"]


@pytest.mark.slow
def test_a_question_of_a_megabyte(asked_of):
    kb = asked_of(ERRORS)
    question = "ERR_CONN_RESET " + " ".join(f"w{number}" for number in range(150_000))
    assert len(question) > 1_000_000
    assert names(kb.retrieve(question, mode="keyword")) == ["reset.md", "refused.md", "timeout.md"]


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "magic"},
        {"fusion": "max"},
        {"weight": -0.1},
        {"weight": 1.1},
        {"weight": float("nan")},
        {"candidates": 0},
        {"candidates": 10_001},
        {"since": "yesterday"},
        {"until": "x"},
        {"where": "a >"},
        {"files": ""},
        {"keywords": ["-"]},
    ],
)
def test_what_does_not_fit_is_a_usage_error(knowledge_of, options):
    kb = knowledge_of({"a.txt": "one"})
    with pytest.raises(UsageError, match=r"^`[a-z_]+` "):
        kb.retrieve("one", **options)


def test_the_settings_say_what_is_not_given(asked_of):
    kb = asked_of(ERRORS)
    kb = KnowledgeBase(
        kb.settings.override(
            retrieve_mode="keyword",
            retrieve_weight=0.7,
            retrieve_fusion="rrf",
            retrieve_candidates=70,
        )
    )
    query = kb.retrieve("x").query
    assert (query.mode, query.weight, query.fusion, query.pool) == ("keyword", 0.7, "rrf", 70)
    assert kb.retrieve("x", mode="dense", candidates=3, top_k=20).query.pool == 20
    assert kb.retrieve("x", fusion="weighted", weight=0.1).query.weight == 0.1


def test_several_datasets_are_ranked_as_one(knowledge_of):
    both = {"a.txt": "The red key of the lock.", "b.txt": "A red, red door and a wall."}
    more = {
        "c.txt": "The key of the red gate stands in the hall of the house.",
        "d.txt": "A green door.",
    }
    knowledge_of(both, "first")
    knowledge_of(more, "second")
    kb = knowledge_of({**both, **more}, "all")
    for mode in ("dense", "keyword", "hybrid"):
        split = kb.retrieve("red key", ["second", "first"], mode=mode)
        whole = kb.retrieve("red key", "all", mode=mode)
        assert [(hit.name, hit.score) for hit in split] == [(hit.name, hit.score) for hit in whole]


@pytest.mark.slow
def test_many_datasets_at_once(knowledge_of):
    kb = knowledge_of({"a.txt": "The key."})
    for number in range(12):
        kb.datasets.create(f"empty{number}")
    for number in range(10):
        kb.ingest(kb._shared.store.root.parent / "docs" / "default", f"set{number}")
    hits = kb.retrieve("key", [*(f"set{n}" for n in range(10)), "empty3"], top_k=20)
    assert sum(1 + len(hit.also) for hit in hits) == 10  # they are the same, so they are folded
    with pytest.raises(DatasetNotFoundError):
        kb.retrieve("key", ["set1", "nowhere"])


def test_a_dataset_that_changed_is_read_anew(knowledge_of):
    kb = knowledge_of({"a.txt": "The key."})
    assert names(kb.retrieve("lock", mode="keyword")) == []
    knowledge_of({"b.txt": "The lock."})
    assert names(kb.retrieve("lock", mode="keyword")) == ["b.txt"]
    kb.files.delete(kb.files.list()[1].path)
    assert names(kb.retrieve("lock", mode="keyword")) == []
