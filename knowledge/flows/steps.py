"""One step of a flow, as a file gives it: its name and its options, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from knowledge.flows.catalogue import STEPS, StepKind, StepSpec
from knowledge.flows.nodes import Node
from knowledge.flows.options import Kind, Option, Secret, read_fields, read_option
from knowledge.flows.problems import Problems, nearest

OPERATORS = ("add", "upsert", "remove")


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """The chat model that a step asks for; what is empty comes from the settings."""

    model: str = ""
    base_url: str = ""
    api_key: Secret | None = None
    api_type: str = ""
    api_version: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A step with the options that the file gives; indexing gives an option, or its default."""

    kind: StepKind
    name: str
    given: Mapping[str, Any] = field(default_factory=dict)
    line: int = 0

    @property
    def spec(self) -> StepSpec:
        """What the catalogue says of it."""
        return STEPS[self.kind][self.name]

    def __getitem__(self, option: str) -> Any:
        if option in self.given:
            return self.given[option]
        return next(one.default for one in self.spec.options if one.name == option)

    def shown(self) -> dict[str, Any]:
        """Return it as a file has it; keys are masked."""
        options = {name: _shown(value) for name, value in self.given.items()}
        return {"name": self.name, "options": options} if options else {"name": self.name}


@dataclass(frozen=True, slots=True)
class WeightedStep:
    """A retriever of ``merge``."""

    step: Step
    weight: float = 1.0


def read_step(kind: StepKind, node: Node, problems: Problems) -> Step | None:
    """Read ``{name, options}``, or a name alone; what is wrong is noted."""
    if isinstance(node.value, str):
        return _named(kind, node.value, node.line, None, problems)
    fields = read_fields(node, ("name", "options"), f"the {kind}", problems)
    if "name" not in fields:
        if isinstance(node.value, Mapping):
            problems.add(node.line, f"the {kind} has no name", nearest("", STEPS[kind]))
        return None
    name = fields["name"]
    return _named(kind, str(name.value), name.line, fields.get("options"), problems)


def read_options(
    specs: tuple[Option, ...], node: Node | None, what: str, line: int, problems: Problems
) -> dict[str, Any]:
    """Return the options that a mapping gives, by name; what is wrong is noted."""
    by_name = {option.name: option for option in specs}
    fields = read_fields(node, by_name, what, problems) if node is not None else {}
    for option in specs:
        if option.required and option.name not in fields:
            problems.add(line, f"{what} needs the option {option.name!r}", option.help)
    return {
        name: _value(by_name[name], given, problems)
        for name, given in fields.items()
        if given.value is not None
    }


def _named(
    kind: StepKind, name: str, line: int, options: Node | None, problems: Problems
) -> Step | None:
    spec = STEPS[kind].get(name) or STEPS[kind].get(name.lower())
    if spec is None:
        problems.add(line, f"there is no {kind} {name!r}", nearest(name, STEPS[kind]))
        return None
    what = f"the {kind} {spec.name!r}"
    if options is not None and not isinstance(options.value, Mapping | None):
        problems.add(options.line, f"the options of {what} must be a mapping, not {options.kind}")
        return None
    given = read_options(spec.options, options, what, line, problems)
    return Step(kind, spec.name, given, line)


def _value(option: Option, node: Node, problems: Problems) -> Any:
    if option.kind is Kind.MODEL:
        return _model(node, problems)
    if option.kind is Kind.CHANGES:
        return _changes(node, problems)
    if option.kind is Kind.RETRIEVERS:
        return _retrievers(node, problems)
    value = read_option(option, node, problems)
    if option.name == "cleanStopWords":
        _check_languages(value, node.line, problems)
    return value


def _check_languages(languages: tuple[str, ...], line: int, problems: Problems) -> None:
    from knowledge.text.languages import KNOWN, named

    for language in languages:
        if language != "auto" and named(language) is None:
            problems.add(line, f"there is no language {language!r}", nearest(language, KNOWN))


_MODEL_OPTIONS = (
    Option("model", Kind.TEXT, ""),
    Option("baseURL", Kind.TEXT, ""),
    Option("apiKey", Kind.SECRET, None),
    Option("apiType", Kind.TEXT, "", choices=("OPEN_AI", "AZURE", "AZURE_AD")),
    Option("apiVersion", Kind.TEXT, ""),
)


def _model(node: Node, problems: Problems) -> ModelChoice:
    """Read a model's name, ``{openai: {…}}``, or what stands in there."""
    if isinstance(node.value, str):
        return ModelChoice(node.value)
    value = node.value if isinstance(node.value, Mapping) else {}
    names = {name.lower(): name for name in value}
    if "openai" in names and len(names) == 1:
        node = value[names["openai"]].node
    given = read_options(_MODEL_OPTIONS, node, "the model", node.line, problems)
    return model_choice(given)


def model_choice(given: Mapping[str, Any]) -> ModelChoice:
    """Return the model that options named as in files lead to."""
    return ModelChoice(
        given.get("model", ""),
        given.get("baseURL", ""),
        given.get("apiKey"),
        given.get("apiType", ""),
        given.get("apiVersion", ""),
    )


def _changes(node: Node, problems: Problems) -> tuple[dict[str, Any], ...]:
    changes = []
    for one in _list(node, "manipulations", problems):
        fields = read_fields(one, ("operator", "key", "value"), "the change", problems)
        operator = str(fields["operator"].value).lower() if "operator" in fields else ""
        if operator not in OPERATORS:
            problems.add(one.line, f"a change's operator must be one of {', '.join(OPERATORS)}")
        if "key" not in fields or not str(fields["key"].value or ""):
            problems.add(one.line, "a change needs a key")
            continue
        value = fields["value"].plain() if "value" in fields else None
        if operator != "remove" and not isinstance(value, str | int | float | bool | list):
            problems.add(one.line, f"{operator} needs a value: a text, a number, true or false")
        changes.append({"operator": operator, "key": str(fields["key"].value), "value": value})
    return tuple(changes)


def _retrievers(node: Node, problems: Problems) -> tuple[WeightedStep, ...]:
    found = []
    for one in _list(node, "retrievers", problems):
        fields = read_fields(one, ("name", "weight", "options"), "the retriever", problems)
        if "name" not in fields:
            problems.add(one.line, "the retriever has no name")
            continue
        name = fields["name"]
        step = _named(
            StepKind.RETRIEVER, str(name.value), name.line, fields.get("options"), problems
        )
        weight = 1.0
        if "weight" in fields:
            option = Option("weight", Kind.NUMBER, 1.0, minimum=0)
            weight = read_option(option, fields["weight"], problems)
        if step is not None:
            found.append(WeightedStep(step, weight))
    return tuple(found)


def _list(node: Node, name: str, problems: Problems) -> tuple[Node, ...]:
    if isinstance(node.value, tuple) and node.value:
        return node.value
    kind = "an empty one" if node.value == () else node.kind
    problems.add(node.line, f"{name} must be a list with something in it, not {kind}")
    return ()


def _shown(value: Any) -> Any:
    if isinstance(value, Secret):
        return repr(value)
    if isinstance(value, ModelChoice):
        names = ("model", "baseURL", "apiKey", "apiType", "apiVersion")
        fields = (value.model, value.base_url, value.api_key, value.api_type, value.api_version)
        return {name: _shown(one) for name, one in zip(names, fields, strict=True) if one}
    if isinstance(value, WeightedStep):
        return {**value.step.shown(), "weight": value.weight}
    if isinstance(value, tuple | list):
        return [_shown(one) for one in value]
    return value
