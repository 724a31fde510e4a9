"""``status``, ``history``, ``doctor``, ``compact``, ``gc`` and ``reset``."""

from __future__ import annotations

import io
import shutil
import sys

import pytest

from knowledge import KnowledgeBase


class Keyboard(io.TextIOWrapper):
    """A terminal on which something is typed."""

    def __init__(self, typed: str) -> None:
        super().__init__(io.BytesIO(typed.encode()))

    def isatty(self) -> bool:
        return True


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def graph(data_dir):
    """Return the file of the published vectors."""
    [path] = data_dir.glob("datasets/*/g*/*/data_level0.bin")
    return path


def test_a_healthy_folder_is_told_in_a_line(run, library):
    checked = run("doctor")
    assert (checked.code, checked.err) == (0, "")
    assert checked.out == "healthy: 1 dataset checked, nothing to repair\n"
    assert run("doctor", "default").out == checked.out
    told = run("doctor", "--json").json
    assert (told["damaged"], told["datasets"], told["findings"]) == (False, ["default"], [])
    assert told["backup"] is None


def test_nothing_at_all_is_whole(run, data_dir):
    checked = run("doctor")
    assert (checked.code, checked.out) == (0, "healthy: 0 datasets checked, nothing to repair\n")
    assert not data_dir.exists()


def test_versions_are_told_who_asks_for_more(run, library):
    assert "chromadb 1." in run("doctor", "--verbose").err


def test_damage_is_told_with_its_remedy_and_repaired_once(run, library, data_dir):
    flip_a_bit(graph(data_dir))
    checked = run("doctor")
    assert checked.code == 7
    finding, remedy, state = checked.out.splitlines()
    assert finding.startswith("damage: default: the index is damaged: ")
    assert finding.endswith(" [index-damaged]")
    assert "knowledge doctor --fix" in remedy
    assert state == "damaged: 1 dataset checked, 1 finding"
    assert not (data_dir / "backups").exists()

    fixed = run("doctor", "--fix")
    assert fixed.code == 0
    assert fixed.out.splitlines()[0].startswith("fixed: default: the index is damaged: ")
    assert "It was rebuilt" in fixed.out.splitlines()[1]
    assert fixed.out.splitlines()[2] == "healthy: 1 dataset checked, 1 fixed, 0 left"
    [backup] = (data_dir / "backups").iterdir()
    assert f"backup: {backup}" in fixed.err.replace("\n", "")
    assert (backup / "catalog.db").is_file()

    again = run("doctor", "--fix")
    assert (again.code, again.out) == (0, "healthy: 1 dataset checked, nothing to repair\n")
    assert list((data_dir / "backups").iterdir()) == [backup]


def test_what_can_not_be_repaired_ends_with_7_and_stays(run, corpus, data_dir):
    run("ingest", corpus)
    path = corpus / "canteen.txt"
    path.unlink()
    catalog = data_dir / "catalog.db"
    content = catalog.read_bytes()
    assert content.count(b"serves lunch from") == 1
    catalog.write_bytes(content.replace(b"serves lunch from", b"serves lunch from"[::-1]))
    for _ in range(2):
        fixed = run("doctor", "--fix", "--json")
        assert fixed.code == 7
        # The words that are looked up no longer fit either, and are made anew of what is there.
        found = [one for one in fixed.json["findings"] if one["severity"] == "damage"]
        [damage] = [one for one in found if not one["fixed"]]
        assert (damage["code"], damage["fixed"]) == ("text-damaged", False)
        assert "knowledge delete-file" in damage["remedy"]
    assert run("delete-file", path).code == 0
    assert run("doctor").code == 0


def test_a_warning_is_no_damage(run, library, data_dir):
    newest = graph(data_dir).parents[1]
    shutil.copytree(newest, newest.with_name("candidate"))
    checked = run("doctor", "--json")
    assert checked.code == 0
    [finding] = checked.json["findings"]
    assert (finding["code"], finding["severity"]) == ("leftovers", "warning")
    assert "knowledge gc" in finding["remedy"]
    assert run("gc", "--dry-run", "--json").json["removed"][0]["kind"] == "candidate"
    assert newest.with_name("candidate").exists()
    assert "1 thing removed" in run("gc").err
    assert "nothing to remove" in run("gc").err
    assert run("doctor", "--json").json["findings"] == []


def test_a_dataset_that_is_not_there(run, library):
    assert run("doctor", "nothing").code == 3
    assert run("status", "nothing").code == 3


def test_facts_are_aligned_on_a_terminal_and_apart_by_tabs_elsewhere(run, library, monkeypatch):
    plain = [line.split("\t") for line in run("status").out.splitlines() if line]
    assert all(len(parts) == 2 for parts in plain)
    assert plain[0][0] == "data folder"
    monkeypatch.setattr("knowledge.cli.session.Session.on_terminal", True)
    for line in (["status"], ["get-dataset", "default", "--no-docs"]):
        shown = run(*line).out
        assert "\t" not in shown
        for block in shown.strip().split("\n\n"):
            starts = {len(one) - len(one.partition("  ")[2].lstrip()) for one in block.splitlines()}
            assert len(starts) == 1, block


def test_history_says_what_a_run_changed(run, library):
    [first] = run("history", "default").out.splitlines()
    assert "\tingest\tdone\t1\t5 ingested\t" in first


def test_compact_gives_room_back(run, library):
    assert run("compact", "--json").json["compacted"][0]["dead"] == 0
    with KnowledgeBase.open() as kb:
        kb.files.delete(kb.files.list()[0].id)
    before = run("status", "--json").json["datasets"][0]
    compacted = run("compact", "--json").json["compacted"]
    assert [one["name"] for one in compacted] == ["default", "catalog.db"]
    assert compacted[0]["dead"] == before["dead"] > 0
    assert run("status", "--json").json["datasets"][0]["dead"] == 0
    assert run("doctor").code == 0


def test_reset_asks_or_is_told_yes(run, library, data_dir, monkeypatch):
    refused = run("reset", stdin="y\n")
    assert (refused.code, "--yes" in refused.err) == (2, True)
    (data_dir / "mine.txt").write_text("Not the tool's.")
    assert run("list-datasets").out != ""
    done = run("reset", "--yes")
    assert done.code == 0
    assert [path.name for path in data_dir.iterdir()] == ["mine.txt"]
    assert run("reset", "--yes").out == "nothing there\n"


@pytest.mark.parametrize(("typed", "code"), [("n\n", 1), ("y\n", 0)])
def test_reset_asks_on_a_terminal(run, library, data_dir, monkeypatch, typed, code):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("tests.conftest.io.TextIOWrapper", lambda *_, **__: Keyboard(typed))
    done = run("reset")
    assert done.code == code
    assert str(data_dir) in done.err.replace("\n", "")
    assert data_dir.exists() == bool(code)
