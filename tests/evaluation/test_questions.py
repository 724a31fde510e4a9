"""Files of questions and judgments."""

from __future__ import annotations

import json

import pytest

from knowledge.errors import PathNotFoundError, UsageError
from knowledge.evaluation.judging import FileNames
from knowledge.evaluation.questions import flat, read_qrels, read_questions


@pytest.fixture
def lines(tmp_path):
    def write(*records, name="q.jsonl"):
        path = tmp_path / name
        path.write_text(
            "\n".join(r if isinstance(r, str) else json.dumps(r) for r in records), "utf-8"
        )
        return path

    return write


def test_lines_of_our_own(lines):
    one, two, three = read_questions(
        lines(
            {"query": "Who?", "file": "a.md", "answer": "Ana"},
            "",
            {"question": "Where?", "file": ["b.md", "c.md"], "page": 3},
            {"query": "When?", "answer": ["noon", "12:00"], "id": "w"},
        )
    )
    assert (one.id, one.text, dict(one.grades), one.answers) == ("1", "Who?", {"a.md": 1}, ("Ana",))
    assert dict(two.grades) == {"b.md": 1, "c.md": 1}
    assert (two.id, three.id, three.answers) == ("3", "w", ("noon", "12:00"))
    assert all(question.judged for question in (one, two, three))


def test_files_of_beir(lines, tmp_path):
    queries = lines({"_id": "7", "text": "Who?"}, {"_id": "8", "text": "Where?", "metadata": {}})
    (tmp_path / "qrels").mkdir()
    qrels = tmp_path / "qrels" / "test.tsv"
    qrels.write_text("query-id\tcorpus-id\tscore\n7\tdoc one\t2\n7\tdoc2\t0\n", "utf-8")
    for given in (None, qrels):
        first, second = read_questions(queries, given)
        assert dict(first.grades) == {"doc one": 2, "doc2": 0}
        assert (first.judged, second.judged) == (True, False)


def test_judgments_of_trec(lines):
    path = lines("7 0 doc1 1", "7 0 doc2 0", "8 Q0 doc3 2", name="qrels.txt")
    assert read_qrels(path) == {"7": {"doc1": 1, "doc2": 0}, "8": {"doc3": 2}}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "q.jsonl:2: this is not JSON"),
        ("[]", "q.jsonl:2: this is not a JSON object"),
        ({"file": "a"}, "q.jsonl:2: there is no question"),
        ({"query": "a", "file": 3}, "'file' must be a text"),
        ({"query": "a", "answer": "?!"}, "no letter and no digit"),
    ],
)
def test_a_line_that_is_wrong_is_named(lines, line, said):
    with pytest.raises(UsageError, match=said):
        read_questions(lines({"query": "Who?", "file": "a.md"}, line))


def test_files_that_are_wrong(lines, tmp_path):
    with pytest.raises(PathNotFoundError):
        read_questions(tmp_path / "nowhere.jsonl")
    with pytest.raises(UsageError, match="there is no question"):
        read_questions(lines(""))
    with pytest.raises(UsageError, match="no line has a file"):
        read_questions(lines({"_id": "1", "text": "Who?"}))
    with pytest.raises(UsageError, match=r"qrels:2: this is not a judgment"):
        read_qrels(lines("q\td\t1", "q\td\tmuch", name="qrels"))
    for grade in ("1e400", "nan", ""):
        with pytest.raises(UsageError, match=r"this is not a judgment|no judgment in") as found:
            read_qrels(lines(f"q\td\t{grade}", name="qrels"))
        assert "query-id" in str(found.value.hint)
    assert read_qrels(lines(f"q\t{'d' * 200_000}\t1", name="qrels"))
    with pytest.raises(UsageError, match="can't read"):
        read_questions(tmp_path)
    with pytest.raises(UsageError, match="not UTF-8"):
        path = tmp_path / "latin"
        path.write_bytes(b"\xff\xfe")
        read_questions(path)


def test_which_file_a_name_means():
    paths = ["/a/docs/guide.md", "/a/docs/old/guide.md", "/a/docs/7.txt", "https://x.org/p/one"]
    names = FileNames(paths)
    assert names.paths("/a/docs/guide.md") == {"/a/docs/guide.md"}
    assert names.paths("docs/guide.md") == {"/a/docs/guide.md"}
    assert names.paths("./docs/guide.md") == {"/a/docs/guide.md"}
    assert names.paths("guide.md") == set(paths[:2])
    assert names.paths("guide") == set(paths[:2])
    assert names.paths("7") == {"/a/docs/7.txt"}
    assert names.paths("https://x.org/p/one") == {"https://x.org/p/one"}
    assert names.paths("uide.md") == names.paths("nothing") == set()


def test_texts_are_compared_by_letters_and_digits():
    assert flat("Ten *times*\nthe height!") == flat("ten times the height")
    assert flat("ﬁle 1²") == flat("FILE 12")
    assert flat("日本、語。") == "日本語"
