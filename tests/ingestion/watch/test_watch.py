"""A watch keeps a dataset in step with its folders."""

from __future__ import annotations

import os
import sys
import threading
import time

import filelock
import pytest

from knowledge import KnowledgeBase
from knowledge.errors import (
    DatasetNotFoundError,
    KnowledgeError,
    PathNotFoundError,
    RemoteError,
    UsageError,
)
from knowledge.ingestion.watch import notifications
from knowledge.ingestion.watch import watch as watch_module
from knowledge.ingestion.watch.notifications import Notifications
from knowledge.ingestion.watch.roots import Roots
from knowledge.ingestion.watch.watch import ReportFilter
from knowledge.model import FileProblem, FileStatus, IngestReport
from knowledge.requests import InlineText
from knowledge.settings.reading import Settings
from knowledge.storage.local.catalog.catalog import Catalog
from knowledge.storage.local.lock import write_lock
from tests.conftest import write_files
from tests.ingestion.sources.web_server import Answer, WebServer
from tests.ingestion.watch.watching import Steps, fresh, held
from tests.openai_server import OpenAIServer, refusal

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(autouse=True)
def quick(monkeypatch, request):
    """Wait less than with people and their editors, but where it is those that count."""
    if "as_people_have_it" in request.node.name:
        return
    monkeypatch.setattr(notifications, "QUIET_MS", 40)
    monkeypatch.setattr(watch_module, "LOOK", 0.1)
    monkeypatch.setattr(watch_module, "GRACE", 0.2)
    monkeypatch.setattr(watch_module, "FIRST_PAUSE", 0.1)


@pytest.fixture
def kb(data_dir):
    with KnowledgeBase.open(data_dir) as opened:
        yield opened


def test_changes_are_taken_in_as_they_happen(kb, corpus, data_dir, tmp_path):
    with Steps(kb, corpus) as steps:
        first = steps.begin()
        assert first.report.files[FileStatus.INGESTED] == 5
        ids = {file.path: file.id for file in kb.files.list()}

        (corpus / "keys.md").write_text("# Keys\n\nThe new key hangs in the blue cupboard.\n")
        assert steps.counts() == {"ingested": 1}  # the others were not even looked at
        assert kb.retrieve("blue cupboard", mode="keyword", top_k=1)[0].name == "keys.md"

        (corpus / "notes" / "badges.md").unlink()
        assert steps.counts() == {"removed": 1}

        (corpus / "travel.md").rename(corpus / "trips.md")
        assert steps.counts() == {"ingested": 1}
        (moved,) = [file for file in kb.files.list() if file.name == "trips.md"]
        assert moved.id == ids[str(corpus / "travel.md")]

        (corpus / "notes").rename(corpus / "archive")
        assert steps.counts() == {"ingested": 1}

        write_files(corpus / "later" / "deep", {"new.md": "A folder came with a file in it.\n"})
        assert steps.counts() == {"ingested": 1}
    assert held(kb) == fresh(corpus, tmp_path / "other")


def test_a_change_is_found_with_the_pauses_as_people_have_it(kb, corpus):
    """Long before all is looked at anew, which is every ten minutes."""
    with Steps(kb, corpus) as steps:
        steps.begin()
        for number in range(2):
            (corpus / "one.md").write_text(f"zebra crossing number {number}\n")
            steps.next()
            assert kb.retrieve(f"zebra {number}", top_k=1)[0].name == "one.md"


def test_a_burst_is_one_publish(kb, corpus):
    with Steps(kb, corpus) as steps:
        steps.begin()
        before = kb.datasets.get("default").generation
        for number in range(40):
            (corpus / f"{number}.md").write_text(f"Note number {number}.\n")
        taken = 0
        while taken < 40:
            taken += steps.counts()["ingested"]
        assert kb.datasets.get("default").generation - before <= 2


def save_by_rename(path, text):
    new = path.with_name(path.name + ".new~")
    new.write_text(text)
    new.replace(path)


def save_as_vim(path, text):
    probe = path.with_name("4913")
    probe.write_text("")
    probe.unlink()
    swap = path.with_name(f".{path.name}.swp")
    swap.write_bytes(b"b0VIM" + bytes(100))
    backup = path.with_name(path.name + "~")
    path.rename(backup)
    path.write_text(text)
    backup.unlink()
    swap.unlink()


def save_as_emacs(path, text):
    lock = path.with_name(f".#{path.name}")
    lock.symlink_to("ana@host.1234:5678")
    path.write_text(text)
    lock.unlink()


@pytest.mark.parametrize("save", [save_by_rename, save_as_vim, save_as_emacs])
def test_editors_leave_no_traces(kb, corpus, save):
    path = corpus / "keys.md"
    with Steps(kb, corpus) as steps:
        steps.begin()
        before = {file.path: file.id for file in kb.files.list()}
        save(path, "The cabinet is green now.\n")
        event = steps.next()
        assert event.report.problems == ()
        assert event.report.files[FileStatus.INGESTED] == 1
        assert {file.path: file.id for file in kb.files.list()} == before
        assert held(kb)[str(path)] == ["The cabinet is green now."]


@pytest.mark.parametrize("name", ["keys.md~", "#keys.md#", "keys.md.swp", ".keys.md.swo"])
def test_what_editors_leave_behind_is_no_document(kb, corpus, name):
    (corpus / name).write_text("An old state of the text.\n")
    kb.ingest(corpus, include_hidden=True)
    assert len(kb.files.list()) == 5


def test_a_named_file_is_followed_through_its_folder(kb, corpus):
    path = corpus / "keys.md"
    with Steps(kb, path) as steps:
        steps.begin()
        (corpus / "other.md").write_text("nobody asked for this\n")
        save_by_rename(path, "The cabinet is green now.\n")
        assert steps.counts() == {"ingested": 1}
        assert list(held(kb)) == [str(path)]


def test_nothing_is_removed_with_a_folder_that_vanished(kb, corpus, tmp_path):
    other = tmp_path / "other"
    write_files(other, {"gate.md": "The gate closes at eight.\n"})
    with Steps(kb, corpus, other) as steps:
        steps.begin()
        before = held(kb)
        corpus.rename(tmp_path / "elsewhere")
        event = steps.next()
        assert (event.kind, event.path) == ("vanished", str(corpus))
        (other / "gate.md").write_text("The gate closes at nine.\n")
        assert steps.counts() == {"ingested": 1}  # what is still there is followed
        assert set(held(kb)) == set(before)

        (tmp_path / "elsewhere" / "keys.md").unlink()
        (tmp_path / "elsewhere").rename(corpus)
        event = steps.next()
        assert (event.kind, event.path) == ("returned", str(corpus))
        assert steps.next().report.files[FileStatus.REMOVED] == 1
        (corpus / "travel.md").write_text("It is followed again.\n")
        assert steps.counts() == {"ingested": 1}
    assert set(held(kb)) == set(before) - {str(corpus / "keys.md")}


def test_an_empty_folder_in_its_place_is_taken_for_a_lost_mount(kb, corpus, tmp_path):
    with Steps(kb, corpus) as steps:
        steps.begin()
        before = held(kb)
        corpus.rename(tmp_path / "elsewhere")
        corpus.mkdir()
        assert steps.next().kind == "vanished"
        assert held(kb) == before
        corpus.rmdir()
        (tmp_path / "elsewhere").rename(corpus)
        assert steps.next().kind == "returned"
        (corpus / "keys.md").unlink()
        assert steps.counts()["removed"] == 1


def test_another_folder_in_its_place_is_followed(kb, corpus, tmp_path):
    with Steps(kb, corpus) as steps:
        steps.begin()
        write_files(tmp_path / "next", {"keys.md": "Another one.\n", "more.md": "And more.\n"})
        corpus.rename(tmp_path / "elsewhere")
        (tmp_path / "next").rename(corpus)
        deadline = time.monotonic() + 60
        while set(held(kb)) != {str(corpus / "keys.md"), str(corpus / "more.md")}:
            assert time.monotonic() < deadline
            steps.next()
        (corpus / "more.md").write_text("It is watched, too.\n")
        assert steps.counts() == {"ingested": 1}


def test_rules_and_metadata_that_change_concern_their_folder(kb, corpus):
    (corpus / ".knowignore").write_text("*.txt\n")
    with Steps(kb, corpus) as steps:
        assert steps.begin().report.files[FileStatus.INGESTED] == 3
        (corpus / ".knowignore").write_text("nothing\n")
        assert steps.counts() == {"ingested": 2, "unchanged": 3}
        (corpus / "notes" / ".knowledge.json").write_text(
            '{"metadata": {"badges.md": {"team": "desk"}}}'
        )
        (corpus / "notes" / "new.md").write_text("Something new.\n")
        assert steps.counts() == {"ingested": 1, "unchanged": 2}
        (badges,) = [file for file in kb.files.list() if file.name == "badges.md"]
        assert badges.all_metadata["team"] == "desk"


def test_ignored_and_hidden_files_stay_out(kb, corpus):
    (corpus / ".knowignore").write_text("*.log\n")
    with Steps(kb, corpus) as steps:
        steps.begin()
        write_files(
            corpus,
            {"a.log": "noise\n", ".hidden.md": "h\n", ".git/HEAD": "ref\n", "seen.md": "Seen.\n"},
        )
        assert steps.counts() == {"ingested": 1}
        assert {file.name for file in kb.files.list()} & {"a.log", ".hidden.md", "HEAD"} == set()


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_files_behind_links_have_one_path(kb, corpus, tmp_path):
    """As for an ingest: of two ways to a folder, the first one counts."""
    (corpus / "a-link").symlink_to(corpus / "notes")
    with Steps(kb, corpus) as steps:
        steps.begin()
        (corpus / "notes" / "badges.md").write_text("The badge is red.\n")
        steps.next()
        (corpus / "later").symlink_to(tmp_path / "outside")
        write_files(tmp_path / "outside", {"far.md": "Far away.\n"})
        (corpus / "near.md").write_text("Near.\n")
        deadline = time.monotonic() + 60
        while not {"far.md", "near.md"} <= {file.name for file in kb.files.list()}:
            assert time.monotonic() < deadline
            steps.next()
    assert held(kb) == fresh(corpus, tmp_path / "other")


def test_the_data_folder_may_lie_in_a_watched_folder(corpus):
    """What the watch itself writes there does not wake it: only the second file does."""
    with KnowledgeBase.open(corpus / "data") as kb, Steps(kb, corpus) as steps:
        steps.begin()
        (corpus / "one.md").write_text("One.\n")
        assert steps.counts() == {"ingested": 1}
        (corpus / "two.md").write_text("Two.\n")
        assert steps.counts() == {"ingested": 1}
        roots = Roots([corpus], [kb._shared.store.root], include_hidden=True)
        assert not roots.keeps(str(corpus / "data" / "catalog.db"))
        assert roots.keeps(str(corpus / "one.md"))
        assert roots.keeps(str(corpus / ".hidden"))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere rights of folders do not matter")
def test_after_the_rights_of_a_folder_changed_all_is_still_seen(kb, corpus):
    with Steps(kb, corpus) as steps:
        steps.begin()
        (corpus / "notes").chmod(0o700)
        (corpus / "notes" / "one.md").write_text("One.\n")
        assert steps.next().report.files[FileStatus.INGESTED] == 1
        (corpus / "notes" / "two.md").write_text("Two.\n")
        assert steps.next().report.files[FileStatus.INGESTED] == 1


def test_a_provider_that_fails_is_tried_again(corpus, data_dir, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    broken = threading.Event()
    with OpenAIServer(
        script=lambda _: refusal(401, "wrong key") if broken.is_set() else None
    ) as server:
        settings = {"openai_base_url": server.base_url, "openai_api_key": "sk-test"}
        with KnowledgeBase.open(data_dir, embedding_cache=False, **settings) as kb:
            with Steps(kb, corpus) as steps:
                steps.begin()
                broken.set()
                (corpus / "keys.md").write_text("The cabinet is green.\n")
                failures = [steps.next() for _ in range(3)]
                assert [event.kind for event in failures] == ["failed"] * 3
                assert isinstance(failures[0].error, RemoteError)
                assert [event.retry_seconds for event in failures] == [0.1, 0.2, 0.4]
                assert held(kb)[str(corpus / "keys.md")][0].startswith("# Signing keys")
                (corpus / "travel.md").write_text("Trains only.\n")
                broken.clear()
                taken = 0
                while taken < 2:
                    taken += steps.counts()["ingested"]
                assert held(kb)[str(corpus / "keys.md")] == ["The cabinet is green."]


def test_a_provider_that_fails_at_the_start_ends_it(corpus, data_dir, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with OpenAIServer(script=lambda _: refusal(401, "wrong key")) as server:
        settings = {"openai_base_url": server.base_url, "openai_api_key": "sk-test"}
        with KnowledgeBase.open(data_dir, **settings) as kb, Steps(kb, corpus) as steps:
            with pytest.raises(RemoteError, match="wrong key"):
                steps.next()


def test_a_locked_dataset_is_waited_for(corpus, data_dir):
    notes = []
    settings = Settings.read(data_dir=str(data_dir), lock_timeout=0.6)
    with KnowledgeBase(settings, notify=notes.append) as kb:
        with Steps(kb, corpus) as steps:
            steps.begin()
            lock = kb._shared.store.folder.lock(kb.datasets.get("default").key)
            with write_lock(lock, "default", 0, print):
                (corpus / "keys.md").write_text("The cabinet is green.\n")
                event = steps.next()
                assert event.error.code == "locked"
            assert any(note.startswith("waiting for process") for note in notes)
            assert steps.counts() == {"ingested": 1}
        announced = [note for note in notes if "is embedded with" in note]
        assert len(announced) == 1  # not with each burst


def test_a_dataset_that_is_deleted_ends_it(kb, corpus):
    with Steps(kb, corpus) as steps:
        steps.begin()
        kb.datasets.delete("default")
        (corpus / "keys.md").write_text("The cabinet is green.\n")
        with pytest.raises(DatasetNotFoundError):
            steps.next()
    assert kb.datasets.list() == []


def test_a_dataset_that_is_renamed_ends_it(kb, corpus):
    with Steps(kb, corpus) as steps:
        steps.begin()
        kb.datasets.rename("default", "other")
        (corpus / "keys.md").write_text("The cabinet is green.\n")
        with pytest.raises(DatasetNotFoundError, match="there is no dataset 'default'"):
            steps.next()
    assert [dataset.name for dataset in kb.datasets.list()] == ["other"]


def test_a_dataset_that_is_replaced_during_a_burst_is_brought_in_step(data_dir, corpus):
    """The burst goes into the dataset that took its place, which lacks all else."""
    held_by_others = []

    def replace(said: str) -> None:
        if said.startswith("waiting"):
            with Catalog(kb._shared.store.folder) as catalog:
                with catalog.transaction():  # without the lock, which the test holds itself
                    catalog.connection.execute("UPDATE datasets SET name = 'other'")
                catalog.create("default")
            held_by_others.pop().release()

    with KnowledgeBase(Settings.read(data_dir=str(data_dir)), notify=replace) as kb:
        with Steps(kb, corpus) as steps:
            steps.begin()
            lock = filelock.FileLock(kb._shared.store.folder.lock(kb.datasets.get("default").key))
            lock.acquire()
            held_by_others.append(lock)
            (corpus / "keys.md").write_text("The cabinet is green.\n")
            assert steps.counts() == {"ingested": 1}
            assert steps.counts() == {"ingested": 4, "unchanged": 1}
        assert held_by_others == []


def test_a_dataset_that_is_replaced_is_brought_in_step(kb, corpus):
    with Steps(kb, corpus) as steps:
        steps.begin()
        kb.datasets.delete("default")
        kb.datasets.create("default")
        (corpus / "keys.md").write_text("The cabinet is green.\n")
        assert steps.counts() == {"ingested": 5}


def test_a_rule_that_can_not_be_read_is_told_and_waited_out(kb, corpus):
    with Steps(kb, corpus) as steps:
        steps.begin()
        (corpus / ".knowignore").write_bytes(b"\xff\xfe\x00bad")
        event = steps.next()
        assert event.kind == "failed"
        assert isinstance(event.error, UsageError)
        (corpus / ".knowignore").write_text("*.log\n")
        (corpus / "new.md").write_text("New.\n")
        while (event := steps.next()).kind == "failed":
            pass
        assert event.report.files[FileStatus.INGESTED] == 1


def test_once_is_one_look(kb, corpus):
    assert [event.kind for event in kb.watch(corpus, once=True)] == ["burst"]
    (corpus / "keys.md").unlink()
    (event,) = kb.watch(corpus, once=True)
    assert event.report.files[FileStatus.REMOVED] == 1
    (event,) = kb.watch(corpus, once=True)  # told, although nothing changed
    assert event.report.files[FileStatus.UNCHANGED] == 4


def test_every_looks_without_notifications(kb, corpus, monkeypatch):
    monkeypatch.delattr(Notifications, "__init__")
    with Steps(kb, corpus, every=0.2) as steps:
        steps.begin()
        (corpus / "keys.md").write_text("The cabinet is green.\n")
        assert steps.counts() == {"ingested": 1, "unchanged": 4}


def test_pages_are_asked_again(data_dir):
    web = WebServer()
    try:
        web.pages["/gate.txt"] = Answer(b"The gate closes at eight.\n", headers={"ETag": '"1"'})
        with KnowledgeBase.open(data_dir, allow_private_hosts=True) as kb:
            with Steps(kb, f"{web.url}/gate.txt", every=0.2) as steps:
                steps.begin()
                web.pages["/gate.txt"] = Answer(
                    b"The gate closes at nine.\n", headers={"ETag": '"2"'}
                )
                assert steps.counts() == {"ingested": 1}
                assert list(held(kb).values()) == [["The gate closes at nine."]]
                asked = [headers.get("If-None-Match") for _, headers in web.requests]
                assert asked[1] == '"1"'
    finally:
        web.close()


def test_what_can_not_be_watched_is_said_at_once(kb, corpus, tmp_path):
    with pytest.raises(PathNotFoundError, match="nowhere"):
        kb.watch([corpus, tmp_path / "nowhere"])
    with pytest.raises(UsageError):
        kb.watch(corpus, inline=[InlineText("a.md", b"text")])
    with pytest.raises(UsageError):
        kb.watch(corpus, dry_run=True)


def test_where_the_system_tells_nothing_all_is_looked_at_often(corpus, data_dir, monkeypatch):
    def fail(self, *_):
        raise KnowledgeError("the system cannot report changes: too many folders")

    monkeypatch.setattr(watch_module, "DEAF", 0.3)
    monkeypatch.setattr(watch_module, "REST", 1)
    monkeypatch.setattr(Notifications, "__init__", fail)
    notes = []
    with KnowledgeBase(Settings.read(data_dir=str(data_dir)), notify=notes.append) as kb:
        with Steps(kb, corpus) as steps:
            steps.begin()
            (corpus / "keys.md").write_text("The cabinet is green.\n")
            assert steps.counts() == {"ingested": 1, "unchanged": 4}
    (note,) = [note for note in notes if "too many folders" in note]
    assert note.endswith("everything is looked at now and then instead")


def test_folders_that_can_not_be_watched_are_an_error(tmp_path):
    with pytest.raises(KnowledgeError, match="cannot report changes"):
        Notifications([str(tmp_path / "nowhere")], [], lambda _: True)


def report_of(*problems):
    files = dict.fromkeys(FileStatus, 0)
    for problem in problems:
        if problem.status != "notice":
            files[FileStatus(problem.status)] += 1
    return IngestReport("default", files, 0, 0, 0, 0, 0, 0.1, problems)


def test_problems_of_files_that_are_gone_are_no_news(tmp_path):
    gone = FileProblem(str(tmp_path / "4913"), "failed", "it vanished during the run")
    assert ReportFilter().apply(report_of(gone), everything=False) == (None, set())


def test_a_file_that_is_still_written_gets_another_try(tmp_path):
    path = tmp_path / "half.pdf"
    path.write_bytes(b"%PDF-1.4 half")
    problem = FileProblem(str(path), "failed", "it is damaged")
    reports = ReportFilter()
    assert reports.apply(report_of(problem), everything=False) == (None, {str(path)})
    (once,) = [reports.apply(report_of(problem), everything=False, last_try=True)[0]]
    assert once.problems == (problem,)
    moment = time.time() - 10
    os.utime(path, (moment, moment))
    told, again = reports.apply(report_of(problem), everything=False)
    assert (told.problems, again) == ((problem,), set())
    assert told.files[FileStatus.FAILED] == 1


def test_a_problem_is_told_once_as_long_as_nothing_changes(tmp_path):
    path = tmp_path / "bad.pdf"
    path.write_bytes(b"bad")
    os.utime(path, (1, 1))
    problem = FileProblem(str(path), "failed", "it is damaged")
    page = FileProblem("https://example.org/a", "failed", "404")
    reports = ReportFilter()
    assert reports.apply(report_of(problem, page), everything=True)[0].problems == (problem, page)
    assert reports.apply(report_of(problem, page), everything=True)[0] is None
    assert reports.apply(report_of(problem), everything=False)[0].problems == (problem,)


@pytest.mark.parametrize("lead", ["folder", "inside", "above"])
def test_a_data_folder_that_a_link_leads_to_does_not_keep_a_watch_awake(tmp_path, lead):
    root, data = tmp_path / "root", tmp_path / "root/data"
    write_files(root, {"a.md": "Text a."})
    data.mkdir()
    if lead == "above":
        os.symlink(root, tmp_path / "other")
    with KnowledgeBase.open(tmp_path / "other/data" if lead == "above" else data) as kb:
        kb.ingest(root)
        if lead != "above":
            os.symlink(data if lead == "folder" else data / "datasets", root / "linked")
        roots = Roots([root], [kb._shared.store.root], include_hidden=True)
        for below in ("data/catalog.db-wal", "data/datasets/x/g1/y", "linked/x/g1/y"):
            assert roots.keeps(str(root / below)) == (lead == "above" and below[0] == "l")
        assert roots.keeps(str(root / "a.md"))
        with Steps(kb, root) as steps:
            steps.begin()
            (root / "b.md").write_text("Text b.")
            assert steps.counts() == {"ingested": 1}
            (root / "c.md").write_text("Text c.")
            assert steps.counts() == {"ingested": 1}
        assert {os.path.basename(path) for path in held(kb)} == {"a.md", "b.md", "c.md"}
