from __future__ import annotations

import json
import sqlite3
import threading
from dataclasses import replace

import numpy as np
import pytest

from knowledge.embeddings.embedder import Embedder
from knowledge.embeddings.registry import embedder_for
from knowledge.errors import (
    ModelMismatchError,
    RemoteError,
    RemoteInputTooLongError,
    RemoteResponseError,
    UsageError,
)
from knowledge.knowledge_base import KnowledgeBase
from knowledge.settings.reading import Settings
from tests.conftest import write_files
from tests.embeddings.fakes import new_pool
from tests.embeddings.local.models import (
    TEXTS,
    ids_of,
    table,
    tokenizer,
    unit,
    write_json,
    write_onnx,
    write_transformer,
)


def rows(text: str) -> np.ndarray:
    return table()[ids_of(text)]


def weighted(tokens: np.ndarray) -> np.ndarray:
    return np.average(tokens, axis=0, weights=np.arange(1, len(tokens) + 1))


POOLINGS = {
    "pooling_mode_mean_tokens": lambda tokens: tokens.mean(axis=0),
    "pooling_mode_cls_token": lambda tokens: tokens[0],
    "pooling_mode_max_tokens": lambda tokens: tokens.max(axis=0),
    "pooling_mode_lasttoken": lambda tokens: tokens[-1],
    "pooling_mode_mean_sqrt_len_tokens": lambda tokens: tokens.sum(axis=0) / len(tokens) ** 0.5,
    "pooling_mode_weightedmean_tokens": weighted,
}


@pytest.mark.parametrize("mode", POOLINGS)
def test_the_models_own_pooling_is_used_and_padding_never_counts(create, tmp_path, mode):
    others = dict.fromkeys(POOLINGS, False)
    folder = write_transformer(tmp_path / "m", pooling={**others, mode: True})
    answer = create(f"onnx:{folder}").embed_documents(TEXTS)
    expected = np.stack([POOLINGS[mode](rows(text)) for text in TEXTS])
    assert answer.vectors.dtype == np.float32
    np.testing.assert_allclose(answer.vectors, expected, atol=1e-6)
    assert answer.tokens == sum(len(ids_of(text)) for text in TEXTS)


@pytest.mark.parametrize("named", ["cls", ["cls", "mean"]])
def test_newer_files_name_the_pooling_and_several_are_joined(create, tmp_path, named):
    folder = write_transformer(tmp_path / "m", pooling={"pooling_mode": named})
    vector = create(f"onnx:{folder}").embed_query(TEXTS[0]).vectors[0]
    tokens = rows(TEXTS[0])
    both = {"cls": tokens[0], "mean": tokens.mean(axis=0)}
    expected = [both[name] for name in ([named] if isinstance(named, str) else named)]
    np.testing.assert_allclose(vector, np.concatenate(expected), atol=1e-6)


def test_vectors_are_normalised_where_the_model_says_so(create, tmp_path):
    pooling = {"pooling_mode_mean_tokens": True}
    plain = create(f"onnx:{write_transformer(tmp_path / 'a', pooling=pooling)}")
    said = create(f"onnx:{write_transformer(tmp_path / 'b', pooling=pooling, normalise=True)}")
    vectors = plain.embed_documents(TEXTS).vectors
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() > 0.01
    np.testing.assert_allclose(said.embed_documents(TEXTS).vectors, unit(vectors), atol=1e-6)


def test_without_a_pooling_of_its_own_the_mean_is_taken(create, tmp_path):
    folder = write_transformer(tmp_path / "m")
    (folder / "modules.json").unlink()
    vector = create(f"onnx:{folder}").embed_query(TEXTS[0]).vectors[0]
    np.testing.assert_allclose(vector, rows(TEXTS[0]).mean(axis=0), atol=1e-6)


def test_a_model_that_pools_by_itself_is_not_pooled_again(create, tmp_path):
    folder = write_transformer(tmp_path / "m", output="sentence_embedding")
    vector = create(f"onnx:{folder}").embed_query(TEXTS[0]).vectors[0]
    np.testing.assert_allclose(vector, rows(TEXTS[0]).sum(axis=0), atol=1e-5)


@pytest.mark.parametrize(
    ("inputs", "kind"),
    [
        (["input_ids"], "INT64"),
        (["input_ids", "attention_mask"], "INT64"),
        (["input_ids", "attention_mask", "position_ids"], "INT64"),
        (["input_ids", "attention_mask", "token_type_ids"], "INT32"),
    ],
)
def test_a_model_gets_the_inputs_that_it_asks_for(create, tmp_path, inputs, kind):
    folder = write_transformer(tmp_path / "m", inputs=inputs, kind=kind)
    vectors = create(f"onnx:{folder}").embed_documents(TEXTS).vectors
    np.testing.assert_allclose(vectors, [rows(text).mean(axis=0) for text in TEXTS], atol=1e-6)


def test_an_input_that_no_text_has_is_an_error(create, tmp_path):
    folder = write_transformer(tmp_path / "m", inputs=["input_ids", "pixel_values"])
    with pytest.raises(RemoteError, match="'pixel_values'"):
        create(f"onnx:{folder}").embed_query("key")


def test_a_question_is_embedded_as_a_document_is(create, folder):
    embedder = create(f"onnx:{folder}")
    assert isinstance(embedder, Embedder)
    together = embedder.embed_documents(TEXTS).vectors
    alone = np.vstack([embedder.embed_query(text).vectors for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_the_models_own_prompts_are_put_before_texts(create, tmp_path):
    folder = write_transformer(
        tmp_path / "bge-small-en",
        pooling={"pooling_mode_mean_tokens": True},
        prompts={"query": "query ", "passage": "passage "},
        max_length=None,
    )
    embedder = create(f"onnx:{folder}")
    assert embedder.own_instructions
    assert list(embedder.spec.options) == ["files"]
    question, document = embedder.embed_query("key"), embedder.embed_documents(["key"])
    np.testing.assert_allclose(question.vectors[0], rows("query key").mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(document.vectors[0], rows("passage key").mean(axis=0), atol=1e-6)


def test_prompts_that_are_left_out_of_the_pooling_are_refused(create, tmp_path):
    folder = write_transformer(
        tmp_path / "m", prompts={"query": "query "}, pooling={"include_prompt": False}
    )
    with pytest.raises(UsageError, match="prompts") as caught:
        create(f"onnx:{folder}")
    assert f"sentence-transformers:{folder}" in caught.value.hint


# How long a text may be


def test_the_longest_text_is_read_from_the_models_files(create, tmp_path):
    def longest(name, config, tokenizer, own=None):
        folder = write_transformer(tmp_path / name, max_length=own)
        write_json(folder / "config.json", config)
        write_json(folder / "tokenizer_config.json", tokenizer)
        return create(f"onnx:{folder}").max_input_tokens

    unknown = {"model_max_length": 1e30}
    bert = {"model_type": "bert", "max_position_embeddings": 512}
    roberta = {"model_type": "xlm-roberta", "max_position_embeddings": 514, "pad_token_id": 1}
    assert longest("own", bert, {"model_max_length": 128}, own=256) == 256
    assert longest("positions", bert, unknown) == 512
    assert longest("tokenizer", bert, {"model_max_length": 128}) == 128
    assert longest("offset", roberta, unknown) == 512
    assert longest("nothing", {}, unknown) is None


def test_a_text_that_is_too_long_is_refused_and_not_cut(create, folder):
    embedder = create(f"onnx:{folder}")
    assert embedder.embed_documents(["key " * 30]).tokens == 32
    with pytest.raises(RemoteInputTooLongError, match=r"33 tokens.* takes 32"):
        embedder.embed_documents(["key", "key " * 31])


def test_the_pool_embeds_a_very_long_line_in_parts(create, folder):
    said: list[str] = []
    with new_pool(create(f"onnx:{folder}"), notify=said.append) as pool:
        long, short = pool.embed(["key \x00" + "the signing key " * 7_000, "whales sing"])
        assert pool.stats.split == 1
    assert np.linalg.norm(long) == pytest.approx(1.0, abs=1e-5)
    assert not np.allclose(long, short)
    assert any("longer than onnx:" in sentence for sentence in said)


# What is asked of a model beyond its folder


def test_arguments_in_the_name_win_over_the_files_and_are_part_of_it(create, tmp_path, settings):
    folder = write_transformer(tmp_path / "m", pooling={"pooling_mode_mean_tokens": True})
    write_onnx(folder / "onnx" / "model_int8.onnx", 2 * table())
    name = f"onnx:{folder}?pooling=cls&max_length=4&file=onnx/model_int8.onnx"
    embedder = create(name)
    assert embedder.spec.model == name.removeprefix("onnx:")
    np.testing.assert_allclose(embedder.embed_query("key").vectors[0], 2 * rows("key")[0])
    with pytest.raises(RemoteInputTooLongError):
        embedder.embed_query("the signing key")
    again = embedder_for(embedder.spec, settings)
    np.testing.assert_allclose(again.embed_query("key").vectors[0], 2 * rows("key")[0])
    assert embedder.spec.fingerprint != create(f"onnx:{folder}").spec.fingerprint


def test_fewer_dimensions_are_the_first_ones_and_are_recorded(create, folder, settings):
    whole = create(f"onnx:{folder}").embed_documents(TEXTS).vectors
    embedder = create(f"onnx:{folder}", dimensions=3)
    np.testing.assert_allclose(embedder.embed_documents(TEXTS).vectors, whole[:, :3], atol=1e-6)
    assert embedder_for(embedder.spec, settings).embed_query("key").vectors.shape == (1, 3)
    assert create(f"onnx:{folder}", embedding_dimensions=3).spec == embedder.spec
    with pytest.raises(RemoteError, match="8 dimensions, not 9"):
        create(f"onnx:{folder}", dimensions=9).embed_query("key")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("pooling=median", "no pooling 'median'"),
        ("max_length=0", "max_length"),
        ("max_length=many", "max_length"),
        ("colour=red", "no argument 'colour'"),
        ("file=other.onnx", "has no other.onnx"),
        ("pooling", "can't read|no model folder"),
    ],
)
def test_arguments_that_do_not_fit_are_usage_errors(create, folder, arguments, message):
    with pytest.raises(UsageError, match=message):
        create(f"onnx:{folder}?{arguments}")


# Files


@pytest.mark.parametrize("file", ["onnx/model.onnx", "onnx/model_quantized.onnx"])
def test_the_file_is_found_where_exports_put_it(create, tmp_path, file):
    folder = write_transformer(tmp_path / "m", file=file)
    assert create(f"onnx:{folder}").embed_query("key").vectors.shape == (1, 8)


def test_a_relative_folder_holds_in_any_working_directory(
    create, folder, settings, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    spec = create("onnx:./model").spec
    assert spec.model == str(folder)
    assert create("onnx:model").spec == spec
    monkeypatch.chdir("/")
    assert embedder_for(spec, settings).embed_query("key").vectors.shape == (1, 8)


def test_another_model_at_the_same_place_is_noticed(create, folder, settings):
    spec = create(f"onnx:{folder}").spec
    assert embedder_for(spec, settings).spec == spec
    write_transformer(folder, pooling={"pooling_mode_mean_tokens": True}, seed=8)
    with pytest.raises(ModelMismatchError, match="not those that the dataset") as caught:
        embedder_for(spec, settings)
    assert caught.value.exit_code == 8
    assert create(f"onnx:{folder}").spec.fingerprint != spec.fingerprint


def test_another_pooling_is_another_model(create, folder):
    spec = create(f"onnx:{folder}").spec
    write_json(folder / "1_Pooling" / "config.json", {"pooling_mode_cls_token": True})
    assert create(f"onnx:{folder}").spec.fingerprint != spec.fingerprint


def test_no_model_and_missing_files_are_usage_errors(create, folder, tmp_path):
    with pytest.raises(UsageError, match="needs a model") as caught:
        create("onnx")
    assert "onnx:/path/to/model" in caught.value.hint
    with pytest.raises(UsageError, match=r"no model folder .*nowhere"):
        create(f"onnx:{tmp_path / 'nowhere'}")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(UsageError, match=r"no tokenizer\.json"):
        create(f"onnx:{folder}")
    (folder / "model.onnx").unlink()
    with pytest.raises(UsageError, match=r"no model\.onnx"):
        create(f"onnx:{folder}")


@pytest.mark.parametrize(
    "file",
    ["modules.json", "config.json", "1_Pooling/config.json", "config_sentence_transformers.json"],
)
@pytest.mark.parametrize("content", ["{", '"text"'])
def test_a_damaged_file_is_named(create, folder, file, content):
    (folder / file).write_text(content)
    with pytest.raises(UsageError, match=file):
        create(f"onnx:{folder}")


@pytest.mark.parametrize("file", ["model.onnx", "tokenizer.json"])
def test_a_damaged_model_is_an_embedding_error(create, folder, file):
    (folder / file).write_bytes(b"\xff" * 64)
    with pytest.raises(RemoteError, match=f"can't load the model onnx:{folder}") as caught:
        create(f"onnx:{folder}").embed_query("key")
    assert caught.value.exit_code == 5


def test_a_step_that_onnx_can_not_do_is_refused(create, folder):
    steps = [
        {"path": "", "type": "sentence_transformers.models.Transformer"},
        {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"path": "2_Dense", "type": "sentence_transformers.models.Dense"},
    ]
    write_json(folder / "modules.json", steps)
    with pytest.raises(UsageError, match="'Dense'") as caught:
        create(f"onnx:{folder}")
    assert "sentence-transformers:" in caught.value.hint


# How it runs


def test_threads_share_one_model(create, folder):
    embedder = create(f"onnx:{folder}", local_model_threads=1)
    assert embedder.default_threads == 1
    expected = embedder.embed_documents(TEXTS).vectors
    found: list[np.ndarray] = []

    def work():
        for _ in range(20):
            found.append(embedder.embed_documents(TEXTS).vectors)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 80
    assert all(np.array_equal(vectors, expected) for vectors in found)


def test_a_closed_embedder_can_be_used_again(create, folder):
    embedder = create(f"onnx:{folder}")
    before = embedder.embed_query("key").vectors
    embedder.close()
    np.testing.assert_array_equal(embedder.embed_query("key").vectors, before)


def test_an_unknown_execution_provider_lists_those_there_are(create, folder):
    with pytest.raises(RemoteError, match="'AbacusExecutionProvider'") as caught:
        create(f"onnx:{folder}", onnx_providers="AbacusExecutionProvider").embed_query("key")
    assert "CPUExecutionProvider" in caught.value.hint
    named = create(f"onnx:{folder}", onnx_providers=" CPUExecutionProvider ,")
    assert named.embed_query("key").vectors.shape == (1, 8)


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (np.ones_like(table()), "the same vector"),
        (np.full_like(table(), np.nan), "not finite"),
        (np.zeros_like(table()), "zero vector"),
    ],
)
def test_a_broken_model_is_found_out(create, tmp_path, vectors, message):
    folder = write_transformer(tmp_path / "m", vectors=vectors)
    with (
        new_pool(create(f"onnx:{folder}")) as pool,
        pytest.raises(RemoteResponseError, match=message),
    ):
        pool.embed(["the signing key", "whales sing songs"])


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("BAAI/bge-small-en-v1.5", "cls"),
        ("intfloat/multilingual-e5-small", "mean"),
        ("Qwen/Qwen3-Embedding-0.6B", "lasttoken"),
        ("mixedbread-ai/mxbai-embed-large-v1", "cls"),
        ("sentence-transformers/all-MiniLM-L6-v2", "mean"),
        ("Alibaba-NLP/gte-base-en-v1.5", "cls"),
        ("thenlper/gte-base", "mean"),
    ],
)
@pytest.mark.parametrize("by_folder", [True, False])
def test_an_export_without_a_pooling_file_is_pooled_as_its_family(
    create, tmp_path, name, mode, by_folder
):
    folder = write_transformer(tmp_path / (name.rpartition("/")[2] if by_folder else "export"))
    if not by_folder:
        (folder / "config.json").write_text(
            json.dumps({"model_type": "bert", "pad_token_id": 0, "_name_or_path": name})
        )
    (folder / "modules.json").unlink()
    usual = create(f"onnx:{folder}").embed_documents(TEXTS).vectors
    wanted = create(f"onnx:{folder}?pooling={mode}").embed_documents(TEXTS).vectors
    np.testing.assert_array_equal(usual, wanted)


@pytest.fixture
def export(tmp_path):
    """A folder as Optimum exports it: of a family that pools by cls, without a pooling file."""
    folder = write_transformer(tmp_path / "bge-small-en-v1.5")
    (folder / "modules.json").unlink()
    return folder


def first(create, name, spec=None, settings=None):
    """Return a first vector, what was recorded of the pooling, and what was said."""
    said: list[str] = []
    embedder = embedder_for(spec, settings) if spec else create(name)
    with new_pool(embedder, notify=said.append) as pool:
        vector = pool.embed(["the signing key"])[0]
    return vector, embedder.spec.options.get("pooling"), said


def test_a_pooling_that_is_guessed_is_said_and_recorded(create, export, tmp_path, settings):
    name = f"onnx:{export}"
    vector, recorded, said = first(create, name)
    assert recorded == "cls"
    (note,) = said
    assert "does not say how its model pools" in note
    assert "taking cls, as is usual in its family" in note
    assert f"{name}?pooling=" in note
    again, recorded, said = first(create, name, create(name).spec, settings)
    assert (again.tolist(), recorded, said) == (vector.tolist(), "cls", [])
    unknown = write_transformer(tmp_path / "other")
    assert "taking mean, as is usual; check" in first(create, f"onnx:{unknown}")[2][0]
    named = first(create, f"{name}?pooling=cls")
    assert named[1:] == (None, [])
    np.testing.assert_array_equal(named[0], vector)


def test_what_was_embedded_before_the_pooling_was_recorded_is_asked_by_the_mean(
    create, export, settings
):
    name = f"onnx:{export}"
    spec = create(name).spec
    former = replace(spec, options={k: v for k, v in spec.options.items() if k != "pooling"})
    vector, recorded, said = first(create, name, former, settings)
    np.testing.assert_array_equal(vector, first(create, f"{name}?pooling=mean")[0])
    assert recorded is None
    assert "embedded by mean pooling" in said[0]
    assert "`knowledge reembed`" in said[0]
    with pytest.raises(UsageError, match="no pooling 'median'"):
        embedder_for(replace(spec, options={**spec.options, "pooling": "median"}), settings)


def test_a_model_that_pools_by_itself_is_not_guessed_about(create, tmp_path):
    folder = write_transformer(tmp_path / "bge-small-en", output="sentence_embedding")
    assert first(create, f"onnx:{folder}")[2] == []


def test_a_dataset_keeps_its_pooling_until_it_is_embedded_anew(export, tmp_path):
    write_files(tmp_path / "docs", {"a.md": "the signing key", "b.md": "whales sing songs"})
    tokenizer(special=False).save(str(export / "tokenizer.json"))  # or all would begin alike
    name, said = f"onnx:{export}", []
    settings = Settings.read(
        environ={}, data_dir=str(tmp_path / "data"), embedding_model_provider=name
    )
    with KnowledgeBase(settings, notify=said.append) as kb:
        kb.ingest(tmp_path / "docs")
        assert kb.datasets.get("default").embedding.options["pooling"] == "cls"
        assert any("does not say how its model pools" in note for note in said)
        said.clear()
        kb.ingest(tmp_path / "docs", force=True)
        assert kb.retrieve("key").hits
        assert not [note for note in said if "pool" in note]
    with sqlite3.connect(tmp_path / "data" / "catalog.db") as sql:
        sql.execute("UPDATE datasets SET model_options = json_remove(model_options, '$.pooling')")
    sql.close()
    with KnowledgeBase(settings) as kb:
        assert kb.ingest(tmp_path / "docs").files["unchanged"] == 2
        assert "pooling" not in kb.datasets.get("default").embedding.options
        kb.reembed("default")
        assert kb.datasets.get("default").embedding.options["pooling"] == "cls"
