"""A sparse model as the third side of hybrid, by a small SPLADE that the tests write."""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
import zipfile
from contextlib import closing

import numpy as np
import pytest

from knowledge import KnowledgeBase
from knowledge.embeddings import sparse
from knowledge.embeddings.sparse import SparseVector, create_sparse
from knowledge.errors import (
    DamagedArchiveError,
    DamagedStoreError,
    ModelMismatchError,
    RemoteError,
    UntrustedEndpointError,
    UntrustedModelError,
    UsageError,
)
from knowledge.model import EmbedderSpec
from knowledge.settings.reading import Settings
from knowledge.storage.local.catalog import sparse_lists
from tests.embeddings.local.models import VOCABULARY
from tests.embeddings.local.tiny_splade import write_splade

pytest.importorskip("onnxruntime")


@pytest.fixture
def splade(tmp_path):
    return write_splade(tmp_path / "splade")


@pytest.fixture
def docs(tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "whales.md").write_text("whales sing\n")
    (folder / "key.md").write_text("the key is rotated by an engineer\n")
    (folder / "days.md").write_text("every ninety days on call\n")
    return folder


def sparse_of(kb, question, **options):
    hits = kb.retrieve(question, mode="hybrid", fold=False, **options)
    return {hit.name: hit.scores.get("sparse") for hit in hits}


def weight(logit):
    return math.log1p(logit)


def test_weights_are_those_of_splade(splade):
    encoder = create_sparse(str(splade), Settings.read())
    (found,) = encoder.encode(["whales sing"])
    terms = dict(zip(found.terms.tolist(), found.weights.tolist(), strict=True))
    wanted = {"whales": 4.0, "sing": 4.0, "water": 3.0, "songs": 1.0}
    assert terms == pytest.approx({VOCABULARY[w]: weight(x) for w, x in wanted.items()})
    assert found.terms.dtype == np.uint32
    (empty,) = encoder.encode([""])
    assert len(empty.terms) == 0


def test_a_long_text_is_read_to_its_end(splade):
    encoder = create_sparse(str(splade), Settings.read())
    (long,) = encoder.encode([" ".join(["days"] * 60 + ["whales"])])
    assert VOCABULARY["songs"] in long.terms.tolist()


def test_a_passage_without_a_word_of_the_question_is_found_by_what_it_means(splade, docs):
    with KnowledgeBase.open(sparse_model=str(splade)) as kb:
        kb.ingest(docs)
        assert kb.datasets.get("default").sparse.model == str(splade)
        found = sparse_of(kb, "cold water")
        # "water" has weight 4 in the question and 3 in the passage, which is kept as float16.
        score = weight(4.0) * float(np.float16(weight(3.0)))
        assert found == {"whales.md": pytest.approx(score), "key.md": 0.0, "days.md": 0.0}
        hits = kb.retrieve("cold water", mode="hybrid")
        without = kb.retrieve("cold water", mode="hybrid", sparse_weight=0)
        assert hits[0].name == "whales.md"
        assert hits[0].scores["sparse_rank"] == 1
        assert all("sparse" not in hit.scores for hit in without)
        before = {hit.name: hit.score for hit in without}
        for hit in hits:
            part = 1.0 if hit.name == "whales.md" else 0.0
            assert hit.score == pytest.approx((before[hit.name] + 0.5 * part) / 1.5, abs=1e-6)


def test_filters_and_top_k_change_no_score(splade, docs):
    with KnowledgeBase.open(sparse_model=str(splade)) as kb:
        kb.ingest(docs)
        everything = {hit.name: hit.score for hit in kb.retrieve("whales key", mode="hybrid")}
        for hit in kb.retrieve("whales key", mode="hybrid", files=["key.md"]):
            assert hit.score == everything[hit.name]
        (first,) = kb.retrieve("whales key", mode="hybrid", top_k=1)
        assert first.score == max(everything.values())


def test_the_dataset_keeps_its_model_through_edits_and_removals(splade, docs):
    with KnowledgeBase.open(sparse_model=str(splade)) as kb:
        kb.ingest(docs)
    with KnowledgeBase.open() as kb:  # nobody names the model again
        (docs / "key.md").write_text("whales and the key\n")
        (docs / "days.md").unlink()
        kb.ingest(docs, prune=True)
        found = sparse_of(kb, "songs")
        assert set(found) == {"whales.md", "key.md"}
        assert min(found.values()) > 0
        kb.ingest(docs, force=True)
        assert sparse_of(kb, "songs") == found


def test_a_dataset_that_was_there_gets_it_with_the_next_ingest(splade, docs):
    with KnowledgeBase.open() as kb:
        kb.ingest(docs)
        assert sparse_of(kb, "songs")["whales.md"] is None
    with KnowledgeBase.open(sparse_model=str(splade)) as kb:
        kb.ingest(docs)
        assert sparse_of(kb, "songs")["whales.md"] > 0


def test_datasets_without_the_model_are_ranked_without_that_side(splade, docs):
    with KnowledgeBase.open(sparse_model=str(splade)) as kb:
        kb.ingest(docs, dataset="a")
    with KnowledgeBase.open() as kb:
        kb.ingest(docs, dataset="b")
        hits = kb.retrieve("songs", datasets=["a", "b"], mode="hybrid")
        assert all("sparse" not in hit.scores for hit in hits)


def test_another_model_is_refused(splade, docs, tmp_path):
    with KnowledgeBase.open(sparse_model=str(splade)) as kb:
        kb.ingest(docs)
    other = write_splade(tmp_path / "other", max_length=8)
    with pytest.raises(ModelMismatchError), KnowledgeBase.open(sparse_model=str(other)) as kb:
        kb.ingest(docs)
    (splade / "config.json").write_text('{"max_position_embeddings": 9}')
    with pytest.raises(ModelMismatchError), KnowledgeBase.open() as kb:
        kb.retrieve("songs", mode="hybrid")


def test_a_damaged_vector_is_named_and_made_anew(splade, docs, data_dir):
    with KnowledgeBase.open(sparse_model=str(splade)) as kb:
        kb.ingest(docs)
        before = sparse_of(kb, "songs")
    with closing(sqlite3.connect(data_dir / "catalog.db")) as sql:
        sql.execute("UPDATE sparse SET weights = x'00' WHERE row = 1")
        sql.commit()
    with KnowledgeBase.open() as kb:
        with pytest.raises(DamagedStoreError, match="sparse vectors"):
            kb.retrieve("songs", mode="hybrid")
        kb.ingest(docs, force=True)
        assert sparse_of(kb, "songs") == before


class PanicException(BaseException):
    """What a panic in a library written in Rust becomes."""


@pytest.mark.parametrize("kind", [PanicException, RuntimeError])
def test_a_passage_on_which_the_model_fails_costs_itself(splade, docs, run, monkeypatch, kind):
    whole = sparse._splade

    def failing(session, tokenizer, text):
        if "sing" in text:
            raise kind("at the disco")
        return whole(session, tokenizer, text)

    monkeypatch.setattr(sparse, "_splade", failing)
    for arguments in (("--sparse", splade), ()):  # a run without changes tries again
        outcome = run("ingest", docs, "--json", *arguments)
        assert outcome.code == 0
        [problem] = outcome.json["problems"]
        assert (problem["file"], problem["status"]) == (str(docs / "whales.md"), "notice")
        assert "1 passage can't be found by the sparse model" in problem["reason"]
        assert "at the disco" in problem["reason"]
    with KnowledgeBase.open() as kb:
        found = sparse_of(kb, "key songs")
    assert found["key.md"] > 0
    assert not found["whales.md"]
    assert run("doctor", "--offline").code == 0
    monkeypatch.setattr(sparse, "_splade", whole)
    assert run("ingest", docs, "--json").json["problems"] == []
    with KnowledgeBase.open() as kb:
        assert sparse_of(kb, "songs")["whales.md"] > 0
    monkeypatch.setattr(sparse, "_splade", lambda *_: failing(None, None, "sing"))
    for number in range(20):
        (docs / f"{number}.md").write_text(f"the key {number}\n")
    broken = run("ingest", docs)
    assert broken.code == 5
    assert "at the disco" in broken.err


def test_many_passages_on_which_a_model_fails_are_no_fault_of_the_model():
    def encode(texts, query):
        if any("sing" in text for text in texts):
            raise RuntimeError("at the disco")
        return [sparse.SparseVector.of([1], [1.0]) for _ in texts]

    encoder = sparse.SparseEncoder(EmbedderSpec("sparse", "m"), lambda: encode)
    made = encoder.encode_each([f"sing {number}" for number in range(30)] + ["key"])
    assert [isinstance(one, RemoteError) for one in made] == [True] * 30 + [False]


def test_weights_that_are_no_numbers_are_left_out():
    odd = [float("nan"), float("inf"), -1.0, 1e9, 2.0]
    made = SparseVector.of([5, 4, 3, 2, 1], odd)
    assert made.terms.tolist() == [1, 2, 4]
    assert np.isfinite(made.weights.astype("<f2")).all()


def test_names_that_mean_nothing(tmp_path):
    with pytest.raises(UsageError, match="no model folder"):
        create_sparse(str(tmp_path / "nothing"), Settings.read())
    pytest.importorskip("fastembed")
    with pytest.raises(UsageError, match="no sparse model") as raised:
        create_sparse("nonsense", Settings.read())
    assert "prithivida/Splade_PP_en_v1" in raised.value.hint


def test_a_recorded_folder_is_opened_for_nobody_who_did_not_name_it(
    splade, docs, tmp_path, monkeypatch
):
    with KnowledgeBase.open(sparse_model=str(splade)) as kb:
        kb.ingest(docs)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "another"))
    with KnowledgeBase.open() as kb:
        with pytest.raises(UntrustedModelError) as raised:
            kb.retrieve("songs", mode="hybrid")
        assert "KNOW_SPARSE_MODEL" in raised.value.hint
        assert kb.retrieve("whales", mode="keyword")
    with KnowledgeBase.open(sparse_model=str(splade)) as kb:
        assert kb.retrieve("songs", mode="hybrid")


def test_a_project_s_file_may_not_name_a_folder(splade, docs, tmp_path, monkeypatch):
    (tmp_path / "knowledge.yaml").write_text(f"sparse_model: {splade}\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UntrustedEndpointError), KnowledgeBase.open() as kb:
        kb.ingest(docs)


def test_from_the_command_line(splade, docs, run):
    assert run("ingest", docs, "--sparse", splade).code == 0
    found = run("retrieve", "cold water", "-k", "1", "--explain")
    assert found.code == 0
    assert "whales.md" in found.out
    assert "sparse model" in found.out
    (hit,) = run("retrieve", "cold water", "-k", "1", "--json").json["hits"]
    assert hit["scores"]["sparse_rank"] == 1
    assert run("get-dataset", "default", "--json").json["dataset"]["sparse_model"] == str(splade)
    assert run("doctor", "--json").json["damaged"] is False
    wrong = run("ingest", docs, "-d", "x", "--sparse", "./nothing")
    assert wrong.code == 2
    assert "no model folder" in wrong.err


def test_copies_merges_and_archives_keep_the_vectors(splade, docs, tmp_path):
    with KnowledgeBase.open(sparse_model=str(splade)) as kb:
        kb.ingest(docs, dataset="a")
        before = sparse_of(kb, "songs", datasets="a")
        (docs / "more.md").write_text("whales and songs\n")
        kb.ingest(docs / "more.md", dataset="b")
        kb.datasets.merge("a", "copied")
        kb.datasets.merge(["a", "b"], "merged")
        kb.datasets.rename("a", "renamed")
        kb.sharing.export(["renamed", "b"], tmp_path / "all.zip")
        kb.sharing.import_archive(tmp_path / "all.zip", "renamed", rename="imported")
        for name in ("copied", "renamed", "imported"):
            assert sparse_of(kb, "songs", datasets=name) == before, name
        merged = sparse_of(kb, "songs", datasets="merged")
        assert {name: merged[name] for name in before} == before
        assert merged["more.md"] > 0
        kb.sharing.export("imported", tmp_path / "again.zip")
        kb.sharing.export("copied", tmp_path / "copied.zip")
    with (
        zipfile.ZipFile(tmp_path / "again.zip") as one,
        zipfile.ZipFile(tmp_path / "copied.zip") as other,
    ):
        member = "datasets/0001/sparse.bin"
        assert one.read(member) == other.read(member)


def test_an_archive_whose_sparse_vectors_are_wrong_does_not_come_in(splade, docs, tmp_path):
    with KnowledgeBase.open(sparse_model=str(splade)) as kb:
        kb.ingest(docs)
        kb.sharing.export("default", tmp_path / "a.zip")
        with zipfile.ZipFile(tmp_path / "a.zip") as whole:
            content = {name: whole.read(name) for name in whole.namelist()}
        for wrong in (b"\xff" * 40, content["datasets/0001/sparse.bin"] + b"x", b""):
            changed = {**content, "datasets/0001/sparse.bin": wrong}
            manifest = json.loads(content["manifest.json"])
            for member in manifest["datasets"][0]["members"]:
                if member["path"].endswith("sparse.bin"):
                    digest = hashlib.sha256(wrong).hexdigest()
                    member.update(size=len(wrong), sha256=digest)
            changed["manifest.json"] = json.dumps(manifest).encode()
            with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
                for name, data in changed.items():
                    archive.writestr(name, data)
            with pytest.raises(DamagedArchiveError, match=r"sparse\.bin"):
                kb.sharing.import_archive(tmp_path / "b.zip", rename="b")


def test_vectors_in_lists_count_as_those_that_are_in_none(splade, docs, data_dir, monkeypatch):
    with KnowledgeBase.open(sparse_model=str(splade)) as kb:
        kb.ingest(docs)
        before = sparse_of(kb, "songs of whales")
    monkeypatch.setattr(sparse_lists, "LEAST", 1)
    monkeypatch.setattr(sparse_lists, "MOST", 2)
    with KnowledgeBase.open() as kb:
        (docs / "more.md").write_text("whales and songs\n")
        kb.ingest(docs)
        after = sparse_of(kb, "songs of whales")
        assert {name: after[name] for name in before} == before
        for number in range(4):  # rows go, numbers come again, and parts are made anew
            (docs / "more.md").write_text(f"songs {number}\n")
            (docs / "key.md").write_text(f"the key {number}\n")
            kb.ingest(docs)
            kb.ingest(docs, force=number == 2)
        found = sparse_of(kb, "songs of whales")
        assert found["whales.md"] == before["whales.md"]
        assert found["key.md"] == 0.0
        kb.datasets.merge("default", "copied")
        assert sparse_of(kb, "songs of whales", datasets="copied") == found
    with closing(sqlite3.connect(data_dir / "catalog.db")) as sql:
        parts, listed = sql.execute("SELECT count(*), sum(vectors) FROM sparse_parts").fetchone()
        assert parts > 1
        assert listed >= sql.execute("SELECT count(*) FROM sparse").fetchone()[0]
        sql.execute("UPDATE sparse_lists SET weights = x'00'")
        sql.commit()
    with KnowledgeBase.open() as kb, pytest.raises(DamagedStoreError, match="sparse vectors"):
        kb.retrieve("songs", mode="hybrid")


def test_the_models_that_can_be_named_are_listed(run):
    pytest.importorskip("fastembed")
    listed = run("models", "list", "--json").json["sparse"]
    assert "prithivida/Splade_PP_en_v1" in [one["model"] for one in listed]
    assert "prithivida/Splade_PP_en_v1" in run("models", "list").out


def test_a_database_keeps_the_vectors_and_copies_them(splade, docs, postgres):
    with KnowledgeBase.open(sparse_model=str(splade)) as kb:
        kb.ingest(docs)
        before = sparse_of(kb, "songs")
        assert before["whales.md"] > 0
        kb.datasets.merge("default", "copied")
        assert sparse_of(kb, "songs", datasets="copied") == before
