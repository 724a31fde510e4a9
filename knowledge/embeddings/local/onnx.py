"""Transformer models on ONNX Runtime: a local folder, or Chroma's own all-MiniLM-L6-v2.

Pooling, normalisation, prompts and the longest text come from the model's own files;
``?pooling=cls``, ``?max_length=256`` and ``?file=onnx/model_int8.onnx`` win over them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from knowledge.embeddings.local.local import LocalEmbedder, asked, need_model, wanted_dimensions
from knowledge.embeddings.local.model_identity import POOLING, folder_hash
from knowledge.embeddings.local.transformer_files import POOLINGS, Prompts, read_transformer_files
from knowledge.embeddings.model_name import is_path, local_or_hub, only_known, parse_model_name
from knowledge.errors import RemoteError, UsageError
from knowledge.model import EmbedderSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from knowledge.embeddings.embedder import Embeddings
    from knowledge.embeddings.local.onnx_session import OnnxModel
    from knowledge.embeddings.local.transformer_files import TransformerFiles
    from knowledge.settings.reading import Settings


# Chroma's own all-MiniLM-L6-v2: where Chroma keeps it, and Chroma's own code to fetch it.

MODEL = "all-MiniLM-L6-v2"
DIMENSIONS = 384
MAX_TOKENS = 256
"""What sentence-transformers and Chroma use; the model's own files say otherwise."""

_FILES = ("model.onnx", "tokenizer.json", "config.json", "tokenizer_config.json")


def model_folder() -> Path:
    """Return where Chroma keeps the model; the same for all versions so far."""
    return Path.home() / ".cache" / "chroma" / "onnx_models" / MODEL / "onnx"


def is_there() -> bool:
    """Tell whether the model was downloaded already."""
    return all((model_folder() / name).is_file() for name in _FILES)


def fetched_folder(notify: Callable[[str], None]) -> Path:
    """Return the model's folder; Chroma's code downloads it (79 MiB) when it is not there.

    Parameters
    ----------
    notify:
        Told before a download.

    Raises
    ------
    RemoteError
        It is not there, and can't be downloaded.
    """
    if not is_there():
        notify(f"downloading Chroma's model {MODEL}, 79 MiB, to {model_folder()}")
        try:
            _download()
        except Exception as error:
            raise RemoteError(
                f"Chroma's model {MODEL} is not in {model_folder()}, and downloading it failed: "
                f"{type(error).__name__}: {error}",
                hint="Try again with a network, copy that folder from a machine that has it, "
                "or use the bundled offline model: `embedding_model_provider` static",
            ) from error
    return model_folder()


def _download() -> None:
    from chromadb.utils.embedding_functions.onnx_mini_lm_l6_v2 import ONNXMiniLM_L6_V2

    function = ONNXMiniLM_L6_V2()
    # Chroma set its folder when it was imported; HOME may have changed since.
    function.DOWNLOAD_PATH = model_folder().parent
    function.tqdm = _silent(function.tqdm)
    function._download_model_if_not_exists()


def _silent(bar: Callable[..., Any]) -> Callable[..., Any]:
    """Return a progress bar that shows nothing: this room prints nothing."""
    return lambda **options: bar(**{**options, "disable": True})


_PLACES = ("model.onnx", "onnx/model.onnx", "onnx/model_quantized.onnx", "model_quantized.onnx")
_NEVER_SAID = "mean"
"""The pooling where neither files nor family say one; and of all models before it was recorded."""
_ARGUMENTS = (POOLING, "max_length", "file")


class OnnxEmbedder(LocalEmbedder):
    """Runs an encoder in this process.

    Parameters
    ----------
    folder:
        The model's folder; ``None`` for Chroma's own, which may still have to be downloaded.
    arguments:
        What the model's name says beyond the folder.
    providers, threads:
        As `open_session` takes them.
    """

    load_hint = "Check the model's files; an ONNX export needs model.onnx and tokenizer.json."

    def __init__(
        self,
        spec: EmbedderSpec,
        folder: Path | None,
        arguments: Mapping[str, Any],
        *,
        providers: tuple[str, ...] = (),
        threads: int = 0,
    ) -> None:
        super().__init__(spec, max_input_tokens=MAX_TOKENS)
        self._folder = folder
        self._arguments = arguments
        self._providers = providers
        self._threads = threads
        self._prompts = Prompts()
        self._unsaid = False
        self._note = ""
        self._pooling = _NEVER_SAID
        if folder is not None:
            files = read_transformer_files(folder)
            self._unsaid = not (files.pooling or arguments.get(POOLING))
            if self._unsaid:
                self._guess_pooling(files.usual_pooling)
            self.max_input_tokens = arguments.get("max_length", files.max_tokens)
            self._prompts = files.prompts
            self.own_instructions = bool(files.prompts)
            model_file(folder, arguments)
            tokenizer_file(folder, files)

    @classmethod
    def from_settings(
        cls, settings: Settings, *, model: str | None = None, dimensions: int | None = None
    ) -> Self:
        """Create the embedder; the model is loaded at the first text.

        Raises
        ------
        UsageError
            No model is named, its folder lacks a file, or an argument does not fit.
        """
        model = need_model(model, "onnx", "/path/to/model")
        dimensions = wanted_dimensions(settings, dimensions)
        name, arguments = parse_model_name(model)
        only_known(arguments, _ARGUMENTS, "onnx")
        _check_arguments(arguments)
        runtime: dict[str, Any] = {
            "providers": tuple(p.strip() for p in settings["onnx_providers"].split(",") if p),
            "threads": settings["local_model_threads"],
        }
        if name == MODEL:
            if arguments:
                raise UsageError(f"onnx:{name} takes no arguments")
            size = dimensions or DIMENSIONS
            return cls(EmbedderSpec("onnx", name, size, asked(dimensions)), None, {}, **runtime)
        folder = _folder(name)
        spec = EmbedderSpec(
            "onnx",
            model.replace(name, str(folder), 1),
            dimensions,
            asked(dimensions, files=folder_hash(folder)),
        )
        return cls(spec, folder, arguments, **runtime)

    def as_recorded(self, recorded: EmbedderSpec) -> None:
        """Pool as the vectors of a dataset were pooled, whatever would be guessed now.

        Raises
        ------
        UsageError
            It records a pooling that does not exist.
        """
        if not self._unsaid:
            return
        usual, own = self._pooling, recorded.options.get(POOLING, _NEVER_SAID)
        _check_arguments({POOLING: own})
        self._note = ""
        if own != usual and POOLING not in recorded.options:
            self._note = (
                f"the dataset was embedded by {own} pooling with {self._folder}, whose family "
                f"pools by {usual}: `knowledge reembed` with the same model improves its answers"
            )
        self._set_pooling(own)

    def _guess_pooling(self, usual: tuple[str, ...]) -> None:
        """Choose a pooling where neither the files nor the user say one."""
        pooling = usual[0] if usual else _NEVER_SAID
        why = "as is usual in its family" if usual else "as is usual; check its model card"
        other = "cls" if pooling == "mean" else "mean"
        self._note = (
            f"{self._folder} does not say how its model pools: taking {pooling}, {why}. "
            f"For another, write onnx:{self._folder}?pooling={other}"
        )
        self._set_pooling(pooling)

    def _set_pooling(self, pooling: str) -> None:
        """Pool so, and record it; none is recorded for the mean, nor was before anything was."""
        self._pooling = pooling
        options = {name: value for name, value in self.spec.options.items() if name != POOLING}
        if pooling != _NEVER_SAID:
            options[POOLING] = pooling
        self.spec = replace(self.spec, options=options)

    def load(self) -> OnnxModel:
        """Open session and tokenizer, after a download where Chroma's model is not there."""
        from knowledge.embeddings.local.onnx_session import OnnxModel, open_session, open_tokenizer

        folder = self._folder or fetched_folder(self.notify)
        files = read_transformer_files(folder)
        tokenizer = open_tokenizer(tokenizer_file(folder, files))
        pad = tokenizer.token_to_id(files.pad_token) if files.pad_token else None
        pooling = self._arguments.get(POOLING)
        model = OnnxModel(
            session=open_session(
                model_file(folder, self._arguments),
                providers=self._providers,
                threads=self._threads,
            ),
            tokenizer=tokenizer,
            pooling=(pooling,) if pooling else files.pooling,
            usual_pooling=(self._pooling,),
            normalise=files.normalise or self._folder is None,
            max_tokens=self.max_input_tokens,
            pad_id=files.pad_id if pad is None else pad,
            dimensions=self.spec.options.get("dimensions"),
            name=f"{self.spec.provider}:{self.spec.model}",
        )
        if self._note and model.pools_as_usual:
            self.notify(self._note)
        return model

    def run(self, model: OnnxModel, texts: list[str], *, query: bool) -> Embeddings:
        """Embed texts, with the model's own prompt before each."""
        prompt = self._prompts.query if query else self._prompts.document
        return model.embed([prompt + text for text in texts])


def _folder(name: str) -> Path:
    folder = local_or_hub(name if is_path(name) else f"./{name}", "onnx")
    assert folder is not None
    return folder


def _check_arguments(arguments: Mapping[str, Any]) -> None:
    if arguments.get(POOLING, "mean") not in POOLINGS:
        raise UsageError(
            f"there is no pooling {arguments[POOLING]!r}",
            hint=f"Choose one of {', '.join(POOLINGS)}.",
        )
    length = arguments.get("max_length", 1)
    if isinstance(length, bool) or not isinstance(length, int) or length < 1:
        raise UsageError(f"max_length must be a whole number above 0, not {length!r}")


def has_model(folder: Path) -> bool:
    """Tell whether a folder has an ONNX file where exports put it."""
    return any((folder / place).is_file() for place in _PLACES)


def model_file(folder: Path, arguments: Mapping[str, Any]) -> Path:
    """Return the ONNX file of a model's folder, or raise ``UsageError``."""
    wanted = arguments.get("file")
    places = (str(wanted),) if wanted else _PLACES
    found = next((folder / place for place in places if (folder / place).is_file()), None)
    if found is None:
        raise UsageError(
            f"the model folder {folder} has no {' or '.join(places[:2])}",
            hint="Another file is named so: onnx:FOLDER?file=onnx/model_int8.onnx. "
            "A folder without an ONNX file is one for the provider sentence-transformers.",
        )
    return found


def tokenizer_file(folder: Path, files: TransformerFiles) -> Path:
    """Return the tokenizer's file of a model's folder, or raise ``UsageError``."""
    for place in (files.folder, folder, folder / "onnx"):
        if (place / "tokenizer.json").is_file():
            return place / "tokenizer.json"
    raise UsageError(
        f"the model folder {folder} has no tokenizer.json",
        hint="Save the model's fast tokenizer there: tokenizer.save_pretrained(FOLDER).",
    )
