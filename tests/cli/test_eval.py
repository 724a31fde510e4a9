"""``knowledge eval``: the whole way from files to a table."""

from __future__ import annotations

import json

import pytest

from tests.conftest import ROOT

OURS = [
    {"query": "How often do I rotate the signing key?", "file": "keys.md", "answer": "90 days"},
    {"query": "badge and locker", "file": "notes/badges.md", "answer": "a badge, and a locker"},
    {"query": "What may a hotel cost?", "file": "travel"},
    {"query": "canteen lunch", "file": "canteen.txt", "answer": "never in this file"},
]


@pytest.fixture
def questions(tmp_path):
    path = tmp_path / "questions.jsonl"
    path.write_text("\n".join(map(json.dumps, OURS)), "utf-8")
    return path


@pytest.fixture
def beir(tmp_path):
    (tmp_path / "queries.jsonl").write_text(
        "\n".join(
            json.dumps({"_id": id, "text": text})
            for id, text in (("a", "signing key"), ("b", "hotel night"), ("c", "not judged"))
        ),
        "utf-8",
    )
    (tmp_path / "qrels.tsv").write_text(
        "query-id\tcorpus-id\tscore\na\tkeys\t1\nb\ttravel\t2\nb\tgone\t1\n", "utf-8"
    )
    return ["--queries", tmp_path / "queries.jsonl", "--qrels", tmp_path / "qrels.tsv"]


def test_questions_with_files_and_answers(run, library, questions):
    found = run("eval", "default", "--queries", questions, "--json").json
    assert (found["questions"], found["left_out"], found["k"]) == (4, 0, [1, 5, 10])
    assert [one["name"] for one in found["runs"]] == ["dense", "keyword", "hybrid"]
    for one in found["runs"]:
        assert one["missed"] == ["4"]
        deepest = one["measures"][-1]
        assert deepest["k"] == 10
        assert deepest["recall"] == 0.75
        assert deepest["precision"] == 0.075
        assert 0 < one["latency_ms"]["p50"] <= one["latency_ms"]["p95"]
    assert len(found["comparisons"]) == 2 * 4 * 3
    assert {one["against"] for one in found["comparisons"]} == {"dense"}
    assert not any(one["significant"] for one in found["comparisons"])


def test_files_of_beir(run, library, beir):
    outcome = run("eval", "default", *beir, "--mode", "keyword", "--k", "3", "--json")
    found = outcome.json
    assert (found["questions"], found["left_out"]) == (2, 1)
    (one,) = found["runs"]
    assert one["unmatched"] == ["gone"]
    ideal = 2 + 1 / 1.5849625007
    assert one["measures"] == [
        {"k": 3, "recall": 0.75, "precision": pytest.approx(1 / 3, abs=1e-5), "mrr": 1.0}
        | {"ndcg": pytest.approx((1 + 2 / ideal) / 2, abs=1e-5)}
    ]
    assert found["comparisons"] == []
    assert "1 question without a known answer left out" in outcome.err
    assert "'gone'" in outcome.err


def test_a_table_for_scripts(run, library, questions):
    outcome = run("eval", "default", "--queries", questions, "--compare", "mode=dense", "--compare",
                  "mode=hybrid,weight=0.5,max-per-file=1", "--k", "1,2")  # fmt: skip
    assert outcome.code == 0
    rows, differences = outcome.out.split("\n\n")
    cells = [row.split("\t") for row in rows.splitlines()]
    named = "mode=hybrid,weight=0.5,max_per_file=1"
    assert [row[:2] for row in cells] == [
        [name, k] for name in ("dense", named) for k in ("1", "2")
    ]
    assert all(len(row) == 8 for row in cells)
    first = differences.splitlines()[0].split("\t")
    assert first[:3] == [named, "dense", "recall@2"]
    assert first[-1] == "no"


def test_a_difference_that_is_no_chance(run, tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    codes = [f"ZX-{7919 * (number + 3)}" for number in range(30)]
    for number, code in enumerate(codes):
        (folder / f"p{number}.txt").write_text(f"Spare part {code} fits.\n")
    assert run("ingest", folder).code == 0
    asked = [{"query": code, "file": f"p{number}.txt"} for number, code in enumerate(codes)]
    path = tmp_path / "q.jsonl"
    path.write_text("\n".join(map(json.dumps, asked)), "utf-8")
    found = run("eval", "default", "--queries", path, "--mode", "keyword", "--compare", "top=1")
    assert found.code == 2
    found = run("eval", "default", "--queries", path, "--mode", "keyword", "--compare", "fold=no",
                "--compare", "files=p1*.txt", "--k", "1", "--json").json  # fmt: skip
    every, some = found["runs"]
    assert (every["measures"][0]["mrr"], some["measures"][0]["mrr"]) == (1.0, round(11 / 30, 6))
    assert (len(every["missed"]), len(some["missed"])) == (0, 19)
    by_measure = {one["measure"]: one for one in found["comparisons"]}
    assert by_measure["mrr"]["difference"] == round(11 / 30 - 1, 6)
    assert by_measure["mrr"]["p_value"] < 0.001
    assert by_measure["mrr"]["significant"] is True


def test_two_datasets_side_by_side(run, library, questions):
    assert run("copy-dataset", "default", "other").code == 0
    sides = ["--compare", "dataset=default", "--compare", "dataset=other"]
    outcome = run("eval", "default", "--queries", questions, "--mode", "hybrid", *sides, "--json")
    runs = outcome.json["runs"]
    assert [one["dataset"] for one in runs] == ["default", "other"]
    assert runs[0]["measures"] == runs[1]["measures"]
    assert all(one["p_value"] == 1 for one in outcome.json["comparisons"])


@pytest.mark.slow
def test_a_plot(run, library, questions, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path))
    path = tmp_path / "found.svg"
    assert run("eval", "default", "--queries", questions, "--plot", path).code == 0
    text = path.read_text("utf-8")
    assert "<svg" in text
    outcome = run("eval", "default", "--queries", questions, "--plot", tmp_path / "a.exe", "--json")
    assert outcome.code == 2
    assert "not the name of a picture" in outcome.json["error"]["message"]


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (["--k", "0"], 2, "--k takes numbers"),
        (["--k", "one"], 2, "--k takes numbers"),
        (["--mode", "sparse"], 2, "--mode takes some of"),
        (["--compare", "wieght=1"], 2, "there is no option 'wieght'"),
        (["--compare", "weight"], 2, "--compare takes name=value"),
        (["--compare", "weight=much"], 2, "weight cannot be 'much'"),
        (["--compare", "merge=perhaps"], 2, "merge cannot be 'perhaps'"),
        (["--compare", "mmr=3"], 2, "--mmr must be from 0 to 1"),
        (["--compare", "dataset=nowhere"], 3, "nowhere"),
    ],
)
def test_what_does_not_fit_is_told_before_a_question_is_asked(
    run, library, questions, flags, code, said
):
    outcome = run("eval", "default", "--queries", questions, *flags, "--json")
    assert outcome.code == code
    assert said in outcome.json["error"]["message"]


def test_questions_that_are_not_there(run, library):
    outcome = run("eval", "default", "--queries", "nowhere.jsonl", "--json")
    assert outcome.code == 3
    assert "nowhere.jsonl" in outcome.json["error"]["message"]


def test_judgments_of_other_documents(run, library, tmp_path):
    path = tmp_path / "q.jsonl"
    path.write_text('{"query": "signing key", "file": "elsewhere.md"}', "utf-8")
    outcome = run("eval", "default", "--queries", path, "--json")
    assert outcome.code == 2
    assert "holds none of the files" in outcome.json["error"]["message"]


def test_several_passages_of_a_file_are_one_place(run, tmp_path):
    """A long file in front must not push others out of the first k files."""
    folder = tmp_path / "long"
    folder.mkdir()
    paragraph = "The signing key is rotated. " * 40
    (folder / "long.md").write_text("\n\n".join(f"# Part {n}\n\n{paragraph}" for n in range(20)))
    (folder / "short.md").write_text("# Other\n\nA locker for the bicycle.\n")
    assert run("ingest", folder).code == 0
    path = tmp_path / "q.jsonl"
    path.write_text('{"query": "the signing key is rotated", "file": "short.md"}', "utf-8")
    (one,) = run("eval", "default", "--queries", path, "--mode", "dense", "--k", "2", "--compare",
                 "fold=false", "--json").json["runs"]  # fmt: skip
    assert one["measures"] == [
        {"k": 2, "recall": 1.0, "precision": 0.5, "mrr": 0.5, "ndcg": pytest.approx(0.63093)}
    ]


@pytest.mark.slow
def test_the_sample_documents(run, documents):
    assert run("ingest", documents).code == 0
    found = run("eval", "default", "--queries", ROOT / "testdata/questions.jsonl", "--mode",
                "hybrid", "--json").json  # fmt: skip
    assert found["questions"] == 74
    assert found["runs"][0]["measures"][-1]["recall"] >= 0.95


def test_the_help_tells_where_judgments_are_looked_for(run):
    assert "qrels/test.tsv" in " ".join(run("eval", "--help").out.split())
