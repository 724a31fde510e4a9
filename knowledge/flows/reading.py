"""Opening a flows file, or a blueprint, and finding the flow for a dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from knowledge.errors import PathNotFoundError, UntrustedEndpointError, UsageError
from knowledge.files.bounded_data import MAX_YAML, DataError, read_text
from knowledge.flows.model import Flow, FlowsFile, read_flows
from knowledge.flows.source import Node, Problem, Problems, parse
from knowledge.settings.reading import Origin, Settings
from knowledge.settings.trust import TRUST_FLOWS, is_loopback, is_trusted, trusts_file
from knowledge.text.wording import nearest

BLUEPRINT = "blueprint:"
_SECRETS = frozenset({"apikey", "password"})


@dataclass(frozen=True, slots=True)
class Inspected:
    """A flows file with all that is wrong with it, by line."""

    file: FlowsFile
    errors: tuple[Problem, ...]


def blueprints() -> list[str]:
    """Return the names of the flows that are shipped, sorted."""
    folder = files("knowledge.flows.blueprints")
    found = (entry.name for entry in folder.iterdir())
    return sorted(name.removesuffix(".yaml") for name in found if name.endswith(".yaml"))


def open_flows(settings: Settings) -> FlowsFile | None:
    """Read the flows file that the settings name; ``None`` when they name none.

    Raises
    ------
    FlowsFileError
        Something is wrong with it.
    PathNotFoundError
        There is no such file.
    UsageError
        It cannot be read, there is no such blueprint, or a flow is named and no file.
    UntrustedEndpointError
        The file, which is not trusted, would put a variable of the environment somewhere.
    """
    source = str(settings["flows_file"])
    if not source:
        if settings["flow"]:
            raise UsageError(
                f"`flow` names {settings['flow']!r}, but no flows file is named",
                hint="Name one by `flows_file`: a path, or blueprint:NAME.",
            )
        return None
    problems = Problems(source)
    file = _read(source, settings, problems, origin_of_flows(settings))
    problems.check()
    return file


def inspect_flows(source: str, settings: Settings) -> Inspected:
    """Read a flows file, or a blueprint, with all that is wrong with it.

    Raises
    ------
    PathNotFoundError, UsageError
        As for `open_flows`.
    """
    problems = Problems(source)
    file = _read(source, settings, problems, Origin.CONFIG_FILE)
    errors = sorted(problems.errors, key=lambda problem: problem.line)
    return Inspected(file, tuple(errors))


def origin_of_flows(settings: Settings) -> Origin:
    """Tell how far the values of the flows file that the settings name are trusted."""
    source = str(settings["flows_file"])
    if source.startswith(BLUEPRINT):
        return Origin.CONFIG_FILE
    if settings.origin("flows_file").of_folder:
        return Origin.PROJECT_FILE
    trusted = trusts_file(settings, _path(source, settings))
    return Origin.CONFIG_FILE if trusted else Origin.FLOWS_FILE


def choose_flow(file: FlowsFile, name: str, datasets: Sequence[str]) -> Flow:
    """Return the flow that is named; else that of the one dataset; else the default one.

    Raises
    ------
    UsageError
        There is no such flow, or none is the default.
    """
    if not name and len(datasets) == 1:
        name = file.datasets.get(datasets[0], "")
    if name:
        if name not in file.flows:
            raise UsageError(f"{file.source} has no flow {name!r}", hint=nearest(name, file.flows))
        return file.flows[name]
    if file.default is None:
        raise UsageError(
            f"{file.source} has no default flow",
            hint=f"Name one by `flow`: {', '.join(file.flows)}.",
        )
    return file.default


def _read(source: str, settings: Settings, problems: Problems, origin: Origin) -> FlowsFile:
    text = _text(source, settings)
    root = parse(text, settings.variables, problems, json=source.lower().endswith(".json"))
    if origin.of_folder:
        _check_variables(root, source, settings, origin)
    flows: dict[str, Flow] = {}
    datasets: dict[str, str] = {}
    if not problems.errors:
        flows, datasets = read_flows(root, problems)
    notices = tuple(sorted(problems.notices, key=lambda problem: problem.line))
    return FlowsFile(source, flows, datasets, notices)


def _text(source: str, settings: Settings) -> str:
    if source.startswith(BLUEPRINT):
        name = source.removeprefix(BLUEPRINT)
        if name not in blueprints():
            raise UsageError(f"there is no blueprint {name!r}", hint=nearest(name, blueprints()))
        return (files("knowledge.flows.blueprints") / f"{name}.yaml").read_text(encoding="utf-8")
    path = _path(source, settings)
    if not path.is_file():
        raise PathNotFoundError(
            f"there is no flows file {source}",
            hint=f"A shipped one is named {BLUEPRINT}NAME: {', '.join(blueprints())}.",
        )
    try:
        return read_text(path, MAX_YAML)
    except (OSError, UnicodeDecodeError, DataError) as error:
        raise UsageError(f"can't read {source}: {error}") from error


def _path(source: str, settings: Settings) -> Path:
    return settings.folder / Path(source).expanduser()


def _check_variables(root: Node, source: str, settings: Settings, origin: Origin) -> None:
    """Let no stranger's file send a variable of the environment to a server of his choice."""
    values = list(_open_values(root))
    if origin is Origin.FLOWS_FILE:
        addresses = [node for node in values if _is_far(node.value)]
        found = next((node for node in values if node.environment or node.dotenv), None)
        if addresses and found is not None:
            name = (*found.environment, *found.dotenv)[0]
            raise UntrustedEndpointError(
                f"{source}:{found.line} takes {name} from your environment, and line "
                f"{addresses[0].line} names an address",
                hint=TRUST_FLOWS,
            )
        return
    if is_trusted(settings):
        return
    for node in values:
        if node.environment:
            raise UntrustedEndpointError(
                f"{source}:{node.line} takes {node.environment[0]} from your environment, and "
                f"the {settings.origin('flows_file')} in {settings.folder} names that file"
            )


def _is_far(value: object) -> bool:
    """Tell whether a value is an address of another machine."""
    text = str(value).strip()
    return text.lower().startswith(("http://", "https://")) and not is_loopback(text)


def _open_values(node: Node, name: str = "") -> Iterator[Node]:
    """Yield the scalars that are no secrets."""
    if isinstance(node.value, dict | list):
        for key, one in node.below.items():
            yield from _open_values(one, str(key))
    elif name.lower() not in _SECRETS:
        yield node
