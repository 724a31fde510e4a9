"""Names and titles of files, and identifiers, found first by who names them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from knowledge.retrieval.search.exact_matches import identifiers
from tests.conftest import write_files

FILES = {
    "CMP0077.rst": "The option command honours normal variables of the same name.",
    "policies.md": "Policies such as CMP0077 and CMP0078 say how old projects are built. " * 3,
    "annual-report_2023.md": "Revenue rose by a tenth; costs were stable.",
    "getUserName.py": "def run():\n    return 1\n",
    "notes.md": "---\ntitle: Holiday calendar\n---\nEverybody takes thirty days off.",
    "other.md": "The calendar of meetings says when rooms are free. A report is due.",
}


@pytest.fixture
def named(asked_of):
    return asked_of(FILES)


def first(kb, question, **options):
    hits = kb.retrieve(question, **options)
    return Path(hits[0].file).name if hits else None


@pytest.mark.parametrize("mode", ["hybrid", "keyword"])
@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("CMP0077", "CMP0077.rst"),
        ("cmp0077.rst", "CMP0077.rst"),
        ("annual report 2023", "annual-report_2023.md"),
        ("annual-report_2023.md", "annual-report_2023.md"),
        ("getUserName.py", "getUserName.py"),
        ("get user name", "getUserName.py"),
        ("holiday calendar", "notes.md"),
        ("What does annual-report_2023.md say?", "annual-report_2023.md"),
    ],
)
def test_a_file_is_found_by_its_name_or_title(named, mode, question, name):
    assert first(named, question, mode=mode) == name


def test_rrf_puts_it_first_too(named):
    assert first(named, "get user name", fusion="rrf") == "getUserName.py"


def test_a_name_counts_for_relevance(named):
    assert named.retrieve("getUserName.py")[0].relevance > 0.9


def test_filters_and_fewer_hits_change_nothing(named):
    kb = named
    every = [(hit.name, hit.score) for hit in kb.retrieve("CMP0077 calendar", top_k=6)]
    for top_k in (1, 3):
        found = [(hit.name, hit.score) for hit in kb.retrieve("CMP0077 calendar", top_k=top_k)]
        assert found == every[:top_k]
    kept = [(hit.name, hit.score) for hit in kb.retrieve("CMP0077 calendar", files="*.md")]
    assert kept == [pair for pair in every if pair[0].endswith(".md")]


def test_a_new_name_and_a_new_title_are_searched(knowledge_of, tmp_path):
    kb = knowledge_of({"old-name.md": "A text.", "b.md": "Another text.", "c.md": "A third."})
    (tmp_path / "docs" / "default" / "old-name.md").rename(
        tmp_path / "docs" / "default" / "zebra.md"
    )
    kb.ingest(tmp_path / "docs" / "default", prune=True)
    assert first(kb, "zebra", mode="keyword") == "zebra.md"
    assert first(kb, "old-name", mode="keyword") is None
    write_files(tmp_path / "docs" / "default", {"b.md": "---\ntitle: Quagga\n---\nAnother text."})
    kb.ingest(tmp_path / "docs" / "default")
    assert first(kb, "quagga", mode="keyword") == "b.md"
    kb.files.delete(str(tmp_path / "docs" / "default" / "b.md"))
    assert first(kb, "quagga", mode="keyword") is None


def test_names_of_another_dataset_do_not_count(knowledge_of):
    kb = knowledge_of({"a.md": "One text.", "b.md": "Other text."})
    knowledge_of({"zebra.md": "A text.", "c.md": "Third text."}, "other")
    assert kb.retrieve("zebra", mode="keyword") == []
    assert first(kb, "zebra", datasets=["default", "other"]) == "zebra.md"


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("What does ERR_CONN_RESET mean?", ["ERR_CONN_RESET"]),
        ("is v2.3.1, or 3.11, out?", ["v2.3.1", "3.11"]),
        ("os.path and std::vector, getUserName()", ["os.path", "std::vector", "getUserName"]),
        ("error E1234 in config_dev.yaml.", ["E1234", "config_dev.yaml"]),
        ("How do I rotate the e-mail key in 2024?", []),
        ("and/or client-server U.S.A", ["U.S.A"]),
    ],
)
def test_what_is_an_identifier(question, found):
    assert identifiers(question) == found


WORDS = (
    "server connection client error version release option value setting file system network "
    "request response timeout memory process thread update install configure module package"
).split()


def cases(count: int, seed: int = 7) -> tuple[dict[str, str], dict[str, str]]:
    """Return files of common words, and questions with the one file that answers each."""
    choice = random.Random(seed)
    files, questions = {}, {}
    for number in range(count):
        kinds = {
            "identifier": f"{choice.choice(WORDS)}_{choice.choice(WORDS)}_{number}",
            "code": f"E{1000 + 7 * number}",
            "version": f"{number % 9}.{number}.{choice.randint(0, 20)}",
            "mention": f"part{number}.conf",
        }
        told = list(kinds.values())[number % 4]
        text = choice.choices(WORDS, k=60)
        text.insert(choice.randint(0, 60), told)
        name = f"{choice.choice(WORDS)}-{number}.txt"
        files[name] = " ".join(text)
        ask = choice.choice(["{}", "What is {}?", f"{choice.choice(WORDS)} {{}} error", "{} fails"])
        questions[ask.format(told)] = name
        questions[name] = name
    return files, questions


@pytest.mark.parametrize(
    ("count", "asked"), [(60, 60), pytest.param(4_000, 200, marks=pytest.mark.slow)]
)
def test_what_only_one_passage_holds_puts_it_first(knowledge_of, count, asked):
    files, questions = cases(count)
    kb = knowledge_of(files)
    chosen = random.Random(1).sample(sorted(questions), asked)
    missed = [q for q in chosen if first(kb, q, top_k=1) != questions[q]]
    assert missed == []
