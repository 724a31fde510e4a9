"""The provider ``local``: a model in this process, by whichever library is installed.

LlamaIndex calls models so: ``local``, ``local:BAAI/bge-large-en``, ``local:./folder``. The name
stands for another provider, which a dataset records.
"""

from __future__ import annotations

from importlib.util import find_spec

from knowledge.embeddings.local.onnx import MODEL as CHROMAS
from knowledge.embeddings.local.onnx import has_model
from knowledge.embeddings.model_name import is_path, local_or_hub, parse_model_name
from knowledge.errors import UsageError
from knowledge.extras import install_command

LOCAL = "local"
MODEL = "BAAI/bge-small-en-v1.5"
"""What ``local`` alone stands for, as for LlamaIndex."""
EXTRAS = ("sentence-transformers", "fastembed")
"""The extras that bring a library, the one that runs any model first."""


def library_for(model: str | None) -> tuple[str, str]:
    """Return the provider and the model that ``local``, or ``local:MODEL``, stands for here.

    Raises
    ------
    UsageError
        No library that is installed runs the model, or there is no such folder.
    """
    model = model or MODEL
    name, arguments = parse_model_name(model)
    folder = local_or_hub(name, LOCAL)
    if find_spec("sentence_transformers"):
        return "sentence-transformers", model
    if folder is not None:
        if "file" in arguments or has_model(folder):
            return "onnx", model
        raise _missing(name, "a folder without an ONNX file needs sentence-transformers")
    if name.rpartition("/")[2] == CHROMAS:
        return "onnx", CHROMAS
    if not find_spec("fastembed"):
        raise _missing(name, "neither sentence-transformers nor fastembed is installed")
    known = _fastembeds()
    if name.lower() in known:
        return "fastembed", model
    import difflib

    near = difflib.get_close_matches(name.lower(), known, n=1)
    meant = f"; it has {known[near[0]]}" if near else ""
    raise _missing(name, f"fastembed, which is installed, does not have it{meant}")


def may_stand_for(model: str | None, provider: str, recorded: str) -> bool:
    """Tell whether a dataset's model is what ``local:MODEL`` once stood for on this machine."""
    model = model or MODEL
    if provider not in (*EXTRAS, "onnx") or is_path(model):
        return False
    return recorded == model or (provider, recorded) == ("onnx", model.rpartition("/")[2])


def _missing(name: str, why: str) -> UsageError:
    commands = [install_command(extra) for extra in EXTRAS]
    return UsageError(
        f"{LOCAL}:{name} can't be run here: {why}",
        hint=f"Install it: {commands[0]}; or, smaller, for some models: {commands[1]}",
    )


def _fastembeds() -> dict[str, str]:
    """Return the names of fastembed's models, by the names in lower case."""
    from fastembed import TextEmbedding

    names = (str(model["model"]) for model in TextEmbedding.list_supported_models())
    return {name.lower(): name for name in names}
