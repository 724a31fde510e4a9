"""Object storages and SFTP servers as sources."""

from __future__ import annotations

import json
import math
import os
import time
from typing import ClassVar

import pytest

from knowledge.errors import UsageError
from knowledge.extras import install_command
from knowledge.ingestion.sources import object_store
from knowledge.ingestion.sources.addresses import Objects, parse_address, parse_addresses
from tests.conftest import write_files

pytestmark = pytest.mark.slow

GATE = "# Gate\n\nThe gate code is 4711, and the gate closes at eight.\n"
WELL = "# Well\n\nThe well is dug nine fathoms deep behind the barn.\n"


@pytest.fixture(scope="module")
def server():
    for library in ("moto", "paramiko", "s3fs"):
        pytest.importorskip(library, reason=f"{library} is not installed")
    from tests.ingestion.sources.object_server import Bucket

    bucket = Bucket()
    yield bucket
    bucket.close()


@pytest.fixture
def bucket(server, monkeypatch):
    """An empty bucket; the environment leads to it."""
    server.empty()
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-very-secret-key")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    return server


@pytest.fixture
def ingest(run):
    """Ingest; return the report."""

    def call(*arguments, code=0):
        outcome = run("ingest", *arguments, "--json")
        assert outcome.code == code, outcome.out + outcome.err
        return outcome.json

    return call


def counts(report):
    return {status: count for status, count in report["files"].items() if count}


def stored(run):
    return {file["file"]: file for file in run("list-files", "--json").json["files"]}


def test_objects_are_cited_by_url_and_fetched_once(run, bucket, ingest):
    bucket.put({"guide/gate.md": GATE, "guide/farm/well #1?.md": WELL, "other/x.md": "Else."})
    assert counts(ingest("s3://docs/guide/")) == {"ingested": 2}
    (hit, *_) = run("retrieve", "gate code", "--json").json["hits"]
    assert (hit["file"], hit["name"]) == ("s3://docs/guide/gate.md", "gate.md")
    assert set(stored(run)) == {"s3://docs/guide/gate.md", "s3://docs/guide/farm/well #1?.md"}
    bucket.requests.clear()
    assert counts(ingest("s3://docs/guide")) == {"unchanged": 2}
    assert bucket.fetched() == []
    assert counts(ingest("s3://docs/guide/gate.md")) == {"unchanged": 1}
    assert counts(ingest("s3://docs/guide", "--force")) == {"ingested": 2}


def test_a_change_costs_one_object(run, bucket, ingest):
    bucket.put({"a.md": GATE, "b.md": WELL})
    ingest("s3://docs")
    bucket.put({"a.md": GATE.replace("4711", "4712"), "c.md": "# New\n\nA new one."})
    bucket.requests.clear()
    assert counts(ingest("s3://docs", "--dry-run")) == {"ingested": 2, "unchanged": 1}
    assert counts(ingest("s3://docs")) == {"ingested": 2, "unchanged": 1}
    assert bucket.fetched() == ["a.md", "a.md", "c.md", "c.md"]
    bucket.put({"b.md": WELL})  # another time, the same content: the ETag is the same
    assert counts(ingest("s3://docs")) == {"unchanged": 3}
    assert bucket.fetched() == []


def test_objects_that_are_gone_are_pruned_and_moved_ones_keep_their_id(run, bucket, ingest):
    bucket.put({"a.md": GATE, "b.md": WELL, "kept/c.md": "# C\n\nKept."})
    ingest("s3://docs")
    before = stored(run)
    bucket.delete("a.md", "b.md")
    bucket.put({"new/b.md": WELL})
    assert counts(ingest("s3://docs", "--exclude", "kept/")) == {"ingested": 1}
    assert "s3://docs/a.md" in stored(run)
    report = ingest("s3://docs", "--exclude", "kept/", "--prune")
    assert counts(report) == {"unchanged": 1, "removed": 1}
    after = stored(run)
    assert set(after) == {"s3://docs/new/b.md", "s3://docs/kept/c.md"}
    assert after["s3://docs/new/b.md"]["id"] == before["s3://docs/b.md"]["id"]


def test_an_empty_prefix_prunes_nothing(run, bucket, ingest):
    bucket.put({"a/a.md": GATE})
    ingest("s3://docs/a")
    bucket.delete("a/a.md")
    assert ingest("s3://docs/a/", "--prune", code=3)["error"]["code"] == "path-not-found"
    assert set(stored(run)) == {"s3://docs/a/a.md"}


def test_rules_hold_as_for_folders_and_what_they_leave_out_is_not_listed(run, bucket, ingest):
    bucket.put({
        ".knowignore": "drafts/\n*.tmp\n", ".hidden/a.md": "Hidden.", "drafts/a.md": "Draft.",
        "sub/.knowignore": "old.md\n", "sub/old.md": "Old.", "sub/new.md": GATE, "a.tmp": "Tmp.",
        "node_modules/a.md": "Module.", "poetry.lock": "lock", "b.txt": "Text.", "b.md": WELL,
    })  # fmt: skip
    report = ingest("s3://docs", "--include", "*.md")
    assert counts(report) == {"ingested": 2}
    assert set(stored(run)) == {"s3://docs/b.md", "s3://docs/sub/new.md"}
    listed = {line.partition("prefix=")[2].partition("&")[0] for line in bucket.requests}
    assert listed - {""} == {"sub/"}
    assert counts(ingest("s3://docs", "--no-recursive", "--include", "*.txt")) == {"ingested": 1}
    (notice,) = ingest("s3://docs")["problems"]
    assert (notice["file"], notice["status"]) == ("s3://docs", "notice")
    assert "poetry.lock" in notice["reason"]


def test_metadata_of_folders_reaches_objects_that_did_not_change(run, bucket, ingest):
    bucket.put({"a.md": GATE, ".knowledge.json": json.dumps({"metadata": {"*.md": {"kind": "x"}}})})
    ingest("s3://docs")
    assert stored(run)["s3://docs/a.md"]["metadata"]["kind"] == "x"
    bucket.put({".knowledge.json": json.dumps({"metadata": {"a.md": {"kind": "y"}}})})
    bucket.requests.clear()
    assert counts(ingest("s3://docs", "--metadata", "team=gate")) == {"unchanged": 1}
    assert bucket.fetched() == [".knowledge.json"]
    metadata = stored(run)["s3://docs/a.md"]["metadata"]
    assert (metadata["kind"], metadata["team"]) == ("y", "gate")
    bucket.put({".knowledge.json": "{"})
    assert counts(ingest("s3://docs", code=4)) == {"failed": 1, "unchanged": 1}
    assert stored(run)["s3://docs/a.md"]["metadata"]["kind"] == "y"


def test_a_failing_object_costs_itself(run, bucket, ingest, monkeypatch):
    bucket.put({"a.md": GATE, "b.md": WELL, "big.md": "# Big\n\n" + "word " * 300_000})
    bucket.archive("b.md")
    monkeypatch.setenv("KNOW_MAX_FILE_SIZE", "1")
    report = ingest("s3://docs", code=4)
    assert counts(report) == {"failed": 2, "ingested": 1}
    reasons = {problem["file"]: problem["reason"] for problem in report["problems"]}
    assert set(reasons) == {"s3://docs/b.md", "s3://docs/big.md"}
    assert "larger than 1 MiB (KNOW_MAX_FILE_SIZE)" in reasons["s3://docs/big.md"]
    assert "big.md" not in bucket.fetched()


def test_other_sources_go_on_when_one_is_not_there(run, bucket, ingest, tmp_path):
    bucket.put({"a.md": GATE})
    write_files(tmp_path / "own", {"b.md": WELL})
    report = ingest(tmp_path / "own", "s3://docs/nothing", "s3://docs/a.md", code=4)
    assert counts(report) == {"failed": 1, "ingested": 2}
    assert ingest("s3://missing", code=3)["error"]["message"] == "s3://missing does not exist"


@pytest.mark.parametrize("others", [1060, 2960])
def test_many_objects_are_one_listing(run, bucket, ingest, others):
    bucket.put({f"many/{number:04}.md": f"# {number}\n\nText {number}." for number in range(40)})
    bucket.put({f"many/x{number:04}.bin": b"\0" for number in range(others)})
    assert counts(ingest("s3://docs/many/", "--ignore-extensions", "bin")) == {"ingested": 40}
    bucket.put({"many/0007.md": "# 7\n\nAnother text."})
    bucket.delete("many/0008.md")
    bucket.requests.clear()
    report = ingest("s3://docs/many/", "--ignore-extensions", "bin", "--prune")
    assert counts(report) == {"ingested": 1, "removed": 1, "unchanged": 38}
    assert len(bucket.requests) == math.ceil((others + 39) / 1000) + 1  # pages, one object
    assert bucket.fetched() == ["many/0007.md"]


@pytest.mark.slow
def test_more_objects_than_a_page_lists_are_ingested(run, bucket, ingest, tmp_path):
    bucket.put({f"{n % 50:02}/{n:04}.txt": f"Text {n} of the gate." for n in range(1200)})
    assert counts(ingest("s3://docs")) == {"ingested": 1200}
    assert counts(ingest("s3://docs")) == {"unchanged": 1200}


def test_what_was_read_does_not_stay_on_the_disk(bucket, tmp_path, monkeypatch):
    from knowledge import KnowledgeBase
    from knowledge.ingestion.run import updating

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    os.mkdir(tmp_path / "temporary")
    bucket.put({f"{number:03}.md": f"# {number}\n\nText." for number in range(150)})
    most, take = [0], updating.Updater.take

    def taken(self, loaded, planned):
        most[0] = max(most[0], len(os.listdir(os.path.dirname(loaded.task.path))))
        return take(self, loaded, planned)

    monkeypatch.setattr(updating.Updater, "take", taken)
    with KnowledgeBase.open(data_dir=tmp_path / "data") as kb:
        assert kb.ingest("s3://docs").files["ingested"] == 150
    assert most[0] < 100
    assert os.listdir(tmp_path / "temporary") == []


def test_watch_takes_changes_and_deletions(run, bucket):
    bucket.put({"a.md": GATE, "b.md": WELL})
    assert run("watch", "s3://docs", "--once").code == 0
    bucket.delete("a.md")
    assert run("watch", "s3://docs", "--once").code == 0
    assert set(stored(run)) == {"s3://docs/b.md"}


def test_load_reads_one_object(run, bucket):
    bucket.put({"guide/gate.md": GATE})
    outcome = run("load", "s3://docs/guide/gate.md", "-", "--format", "text")
    assert (outcome.code, "4711" in outcome.out) == (0, True)
    assert run("load", "s3://docs/guide", "-").code == 2


def test_credentials_are_neither_stored_nor_printed(run, bucket, data_dir, monkeypatch):
    bucket.put({"a.md": GATE})
    outcome = run("ingest", "s3://docs", "-v", "--json")
    for path in data_dir.rglob("*"):
        assert path.is_dir() or b"a-very-secret-key" not in path.read_bytes()
    assert "a-very-secret-key" not in outcome.out + outcome.err
    refused = run("ingest", "s3://AKIDEXAMPLE:a-very-secret-key@docs/a.md", "--json")
    assert refused.code == 2
    assert "a-very-secret-key" not in refused.out + refused.err


def test_a_folders_env_file_says_nothing_to_a_storage(run, bucket, tmp_path, monkeypatch):
    bucket.put({"a.md": GATE})
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (tmp_path / "here" / ".env").write_text(
        "AWS_SECRET_ACCESS_KEY=from-the-folder\nAWS_ENDPOINT_URL=http://127.0.0.1:1\n"
    )
    outcome = run("ingest", "s3://docs", "--json")
    assert outcome.code == 1
    assert "AWS_ACCESS_KEY_ID" in outcome.json["error"]["hint"]
    assert bucket.fetched() == []


@pytest.mark.parametrize("protocol", ["gs", "az"])
def test_other_storages_are_read_the_same_way(run, ingest, monkeypatch, protocol):
    from fsspec.implementations.memory import MemoryFileSystem

    class Storage(MemoryFileSystem):
        store: ClassVar[dict] = {}
        pseudo_dirs: ClassVar[list] = [""]

        def ls(self, path, detail=True, **_):
            return [{**one, "name": one["name"].lstrip("/")} for one in super().ls(path, True)]

        def info(self, path, **_):
            facts = super().info(path)
            return {**facts, "name": facts["name"].lstrip("/")}

    files = Storage()
    monkeypatch.setattr(object_store, "_open", lambda objects, limits: files)
    files.pipe({"/box/a/gate.md": GATE.encode(), "/box/well.md": WELL.encode()})
    assert counts(ingest(f"{protocol}://box")) == {"ingested": 2}
    assert set(stored(run)) == {f"{protocol}://box/a/gate.md", f"{protocol}://box/well.md"}
    files.rm("/box/well.md")
    assert counts(ingest(f"{protocol}://box", "--prune")) == {"unchanged": 1, "removed": 1}


@pytest.fixture
def sftp(tmp_path):
    pytest.importorskip("paramiko", reason="paramiko is not installed")
    from tests.ingestion.sources.object_server import SFTPServer

    write_files(tmp_path / "served", {"docs/gate.md": GATE, "docs/farm/well.md": WELL})
    for path in (tmp_path / "served").rglob("*.md"):
        os.utime(path, (time.time() - 60,) * 2)
    server = SFTPServer(tmp_path / "served")
    known = tmp_path / "home" / ".ssh" / "known_hosts"
    known.parent.mkdir()
    known.write_text(server.known_host())
    yield server
    server.close()


def test_sftp(run, sftp, ingest, tmp_path):
    url = f"sftp://ana:pa%40ss@127.0.0.1:{sftp.port}/docs"
    shown = f"sftp://127.0.0.1:{sftp.port}/docs"
    assert ingest(url, code=1)["error"]["code"] == "private-host"
    assert counts(ingest(url, "--allow-private-hosts")) == {"ingested": 2}
    assert set(stored(run)) == {f"{shown}/gate.md", f"{shown}/farm/well.md"}
    assert counts(ingest(url, "--allow-private-hosts")) == {"unchanged": 2}
    assert len(sftp.fetched) == 2
    (sftp.folder / "docs" / "gate.md").write_text("# Gate\n\nThe gate is shut.")
    (sftp.folder / "docs" / "farm" / "well.md").unlink()
    report = ingest(url, "--allow-private-hosts", "--prune")
    assert counts(report) == {"ingested": 1, "removed": 1}
    text = run("load", f"{url}/gate.md", "-", "--format", "text", "--allow-private-hosts")
    assert "shut" in text.out


def test_sftp_asks_only_known_hosts_and_prints_no_password(run, sftp, tmp_path):
    url = f"sftp://ana:pa%40ss-wrong@127.0.0.1:{sftp.port}/docs"
    refused = run("ingest", url, "--allow-private-hosts", "--json")
    assert refused.code == 1
    assert "~/.ssh" in refused.json["error"]["hint"]
    (tmp_path / "home" / ".ssh" / "known_hosts").write_text("")
    unknown = run("ingest", url, "--allow-private-hosts", "--json")
    assert "is not in ~/.ssh/known_hosts" in unknown.json["error"]["message"]
    assert "wrong" not in refused.out + refused.err + unknown.out + unknown.err


def test_a_missing_package_is_named(run, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "gcsfs", None)
    outcome = run("ingest", "gs://box", "--json")
    assert outcome.code == 1
    assert outcome.json["error"]["hint"] == f"Install it: {install_command('gcs')}"


@pytest.mark.parametrize(
    ("url", "name", "path"),
    [
        ("s3://box", "s3://box", ""),
        ("S3://box/a%20b/ö #?.md", "s3://box/a%20b/ö #?.md", "a%20b/ö #?.md"),
        ("az://box/a/", "az://box/a", "a"),
        ("sftp://ana@Host:22/srv/docs", "sftp://host:22/srv/docs", "srv/docs"),
    ],
)
def test_addresses(url, name, path):
    address = parse_address(url)
    assert isinstance(address, Objects)
    assert (address.name, address.path) == (name, path)


@pytest.mark.parametrize(
    "url", ["s3://", "s3:///a", "s3://b/a\nb", "gs://a:b@box/x", "sftp://ho st/a", "az://-x/a"]
)
def test_what_is_no_address(url):
    with pytest.raises(UsageError):
        parse_address(url)


def test_the_same_place_by_two_users_is_refused():
    with pytest.raises(UsageError, match="two users"):
        parse_addresses(["sftp://ana@h/a", "sftp://bob@h/a"])
    assert len(parse_addresses(["s3://box/a", "s3://box/a/"]).objects) == 1
