"""What the models of a flows file are made of: names, types, steps, and messages for people.

pydantic checks a file against the models; the words for what it finds are here. It is imported
when a flows file is read, and by nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from knowledge.settings.reading import Origin
from knowledge.text.wording import brief, nearest

_MOST = 1e12
"""No number of a flow means anything beyond."""
_PROBLEM = "problem"
_TYPES = {
    "int": "a whole number",
    "float": "a number",
    "finite": "a number",
    "bool": "true or false",
    "string": "text",
    "list": "a list",
    "tuple": "a list",
    "dict": "a mapping",
    "model": "a mapping",
}
"""What a value must be, by the first word of pydantic's name of the error."""

Path = tuple[str | int, ...]
Model = TypeVar("Model", bound="FlowModel")


class FlowModel(BaseModel):
    """A mapping of a flows file; upper and lower case of its names do not matter."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        coerce_numbers_to_str=True,
        allow_inf_nan=False,
        arbitrary_types_allowed=True,
        defer_build=True,  # a file needs few of the steps
    )
    what: ClassVar[str]
    """What the mapping is, for messages."""
    synonyms: ClassVar[Mapping[str, str]] = {}
    """Other names, in lower case, that files give to its values."""

    @classmethod
    def called(cls, _context: Any) -> str:
        """Return what messages call this mapping."""
        return cls.what

    @classmethod
    def names(cls) -> dict[str, str]:
        """Return the names that the mapping may hold, as the documentation writes them.

        Each with a sentence of help, which may be empty.
        """
        return {one.alias or name: one.description or "" for name, one in cls.model_fields.items()}

    @classmethod
    def prepared(cls, given: Any, _info: ValidationInfo) -> Any:
        """Return what is given with names as the model has them; without those that say nothing."""
        if not isinstance(given, Mapping):
            return given
        own = {name.lower(): name for name in cls.names()}
        found: dict[str, Any] = {}
        for name, value in given.items():
            lower = name.lower()
            known = str(own.get(cls.synonyms.get(lower, lower), name))
            if known in found:
                raise problem(f"{known!r} stands here a second time", at=(known,))
            found[known] = value
        return {
            name: value for name, value in found.items() if value is not None or name not in own
        }

    @model_validator(mode="wrap")
    @classmethod
    def _in_words(cls, given: Any, handler: Callable[[Any], Self], info: ValidationInfo) -> Self:
        if isinstance(given, cls):
            return given
        try:
            ready = cls.prepared(given, info)
            return ready if isinstance(ready, cls) else handler(ready)
        except ValidationError as error:
            lines = [_in_words(one, cls, info.context) for one in error.errors(include_url=False)]
            raise ValidationError.from_exception_data(cls.__name__, lines) from error

    def given(self) -> dict[str, Any]:
        """Return the values that the file gives, by name."""
        return {
            one.alias or name: getattr(self, name)
            for name, one in type(self).model_fields.items()
            if name in self.model_fields_set
        }

    def shown(self) -> dict[str, Any]:
        """Return it as a file has it; keys are masked."""
        return {name: _shown(value) for name, value in self.given().items()}

    def values(self, path: Path = ()) -> Iterator[tuple[Path, FieldInfo, Any]]:
        """Yield each value that the file gives here and below: its place, its field, itself."""
        fields = {one.alias or name: one for name, one in type(self).model_fields.items()}
        for name, value in self.given().items():
            place = (*path, name)
            yield place, fields[name], value
            if isinstance(value, FlowModel):
                yield from value.values(place)
            elif isinstance(value, tuple):
                for number, one in enumerate(value):
                    if isinstance(one, FlowModel):
                        yield from one.values((*place, number))


def checked(model: type[Model], given: Any, context: Any, *path: str | int) -> Model:
    """Return a model of what is given, which stands at ``path`` below the model at work.

    Raises
    ------
    ValidationError
        It does not fit; the places are those below the model at work.
    """
    try:
        return model.model_validate(given, context=context)
    except ValidationError as error:
        lines = [
            _line(one["ctx"]["said"], one["ctx"]["hint"], (*path, *one["loc"]))
            for one in error.errors(include_url=False)
        ]
        raise ValidationError.from_exception_data(model.__name__, lines) from error


def problem(said: str, hint: str = "", *, at: Path = ()) -> ValidationError:
    """Return the error that a validator raises for what no type says.

    Parameters
    ----------
    at:
        The place below the model at work.
    """
    return ValidationError.from_exception_data("flows", [_line(said, hint, at)])


def _line(said: str, hint: str, at: Path) -> InitErrorDetails:
    words = PydanticCustomError(_PROBLEM, "{said}", {"said": said, "hint": hint})
    return {"type": words, "loc": at, "input": None}


def _in_words(one: ErrorDetails, model: type[FlowModel], context: Any) -> InitErrorDetails:
    """Return one of pydantic's errors in words for people, with a hint."""
    if one["type"] == _PROBLEM:
        return _line(one["ctx"]["said"], one["ctx"]["hint"], one["loc"])
    what, path = model.called(context), one["loc"]
    if not path:
        prefix = "the options of " if issubclass(model, Step) and model.name else ""
        return _line(f"{prefix}{what} must be a mapping, not {_kind(one['input'])}", "", path)
    name, known = str(path[0]), model.names()
    if one["type"] == "extra_forbidden":
        if str(one["input"]).startswith(
            ("http://", "https://")
        ):  # a hint leads no address into a key
            known = {name: help for name, help in known.items() if "key" not in name.lower()}
        return _line(f"{what} has no {name!r}", nearest(name, known), path)
    if one["type"] == "missing":
        noun = "the option " if issubclass(model, Step) else ""
        return _line(f"{what} needs {noun}{name!r}", known.get(name, ""), path)
    return _line(f"{name} {_must(one)}, not {_kind(one['input'])}", "", path)


def _must(one: ErrorDetails) -> str:
    """Return what a value must be that it is not."""
    kind, context = one["type"], one.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "greater_than_equal":
        return f"must be at least {context['ge']:g}"
    if kind == "less_than_equal":
        return f"must be at most {context['le']:g}"
    if kind == "literal_error":
        choices = context["expected"].replace("'', ", "").replace(" or ", ", ").replace("'", "")
        return f"must be one of {choices}"
    if kind == "too_short":
        return "must be a list with something in it"
    return f"must be {_TYPES.get(kind.partition('_')[0], 'something else')}"


def _kind(value: Any) -> str:
    """Return what a value is, in words."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    return "nothing" if value is None else brief(value)


# Types of values


def _no_truth(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("must be a number")  # noqa: TRY004  pydantic takes no TypeError
    return value


def _within(value: float) -> float:
    if abs(value) > _MOST:
        raise ValueError(f"must be between -{_MOST:g} and {_MOST:g}")
    return value


def _listed(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


def _plain_values(value: dict[str, Any]) -> dict[str, Any]:
    for one in value.values():
        if not all(isinstance(item, str | int | float) for item in _listed(one)):
            raise ValueError("may hold texts, numbers, true, false, and lists of these")
    return value


def _character(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        text = chr(value) if 0 < value < 0x110000 and not 0xD800 <= value < 0xE000 else ""
    else:
        text = {"\\t": "\t"}.get(str(value), str(value))
    if len(text) != 1 or text in "\r\n":
        raise ValueError("must be one character, or its number")
    return text


@dataclass(slots=True)
class Secret:
    """A key, and whether it came from the environment or from ``.env``."""

    value: str
    environment: bool = False
    dotenv: bool = False

    def origin(self, otherwise: Origin) -> Origin:
        """Return where it comes from; ``otherwise`` where it stands in the file itself."""
        if self.environment:
            return Origin.ENVIRONMENT
        return Origin.DOTENV if self.dotenv else otherwise

    def __repr__(self) -> str:
        return "********"


def _secret(value: Any) -> Secret:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("must be text")  # noqa: TRY004  pydantic takes no TypeError
    return Secret(str(value))


Whole = Annotated[int, BeforeValidator(_no_truth), AfterValidator(_within)]
Number = Annotated[float, BeforeValidator(_no_truth), AfterValidator(_within)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_listed)]
"""A text, or several."""
Values = Annotated[dict[str, Any], AfterValidator(_plain_values)]
"""Metadata: names with values that JSON has, not nested."""
Character = Annotated[str, PlainValidator(_character)]
SecretText = Annotated[Secret, PlainValidator(_secret)]


def unused(why: str) -> Any:
    """Return an option that is accepted and changes nothing; a notice says why."""
    return Field(None, description="-", json_schema_extra={"without_effect": why})


def _check_languages(languages: tuple[str, ...]) -> tuple[str, ...]:
    from knowledge.text.languages import KNOWN, named

    for language in languages:
        if language != "auto" and named(language) is None:
            raise problem(f"there is no language {language!r}", nearest(language, KNOWN))
    return languages


Languages = Annotated[Texts, AfterValidator(_check_languages)]
"""Names or codes of languages, or ``auto``."""


class ModelChoice(FlowModel):
    """The chat model that a step asks for; what is empty comes from the settings.

    In a file it is a model's name, or ``{openai: {…}}``, or what stands in there.
    """

    what = "the model"
    synonyms: ClassVar[Mapping[str, str]] = {"apibase": "baseurl"}
    model: str = ""
    base_url: str = Field(default="", alias="baseURL")
    api_key: SecretText | None = None
    api_type: Literal["", "OPEN_AI", "AZURE", "AZURE_AD"] = ""
    api_version: str = ""
    _below: Path = PrivateAttr(())

    @classmethod
    def prepared(cls, given: Any, info: ValidationInfo) -> Any:
        """Return the choice that a name, or ``{openai: {…}}``, stands for."""
        if isinstance(given, str):
            return {"model": given}
        if isinstance(given, Mapping) and [name.lower() for name in given] == ["openai"]:
            (name,) = given
            choice = checked(cls, given[name], info.context, name)
            choice._below = (name,)
            return choice
        return super().prepared(given, info)

    def values(self, path: Path = ()) -> Iterator[tuple[Path, FieldInfo, Any]]:
        """Yield what it names, where the file has it."""
        return super().values((*path, *self._below))


ChatModelOption = Annotated[
    ModelChoice | None, Field(description="The chat model; default that of the settings.")
]


class Step(FlowModel):
    """A step, whose fields are its options.

    A class for each kind of step has the classes of its steps below it, which register themselves
    by their names; what a file gives for the kind becomes one of these.
    """

    kind: ClassVar[str]
    name: ClassVar[str] = ""
    needs_model: ClassVar[bool] = False
    """True when it asks a chat model."""
    known: ClassVar[dict[str, type[Step]]]

    def __init_subclass__(cls, *, name: str = "", kind: str = "", **more: Any) -> None:
        super().__init_subclass__(**more)
        if kind:
            cls.kind, cls.known = kind, {}
        if name:
            cls.name = name
            cls.known[name] = cls

    @classmethod
    def called(cls, _context: Any) -> str:
        """Return the step's kind and name."""
        return f"the {cls.kind} {cls.name!r}" if cls.name else f"the {cls.kind}"

    @classmethod
    def choices(cls) -> Mapping[str, type[Step]]:
        """Return the steps of this kind, by name."""
        return cls.known

    @classmethod
    def prepared(cls, given: Any, info: ValidationInfo) -> Any:
        """Return the step that ``{name, options}``, or a name alone, stands for."""
        if cls.name:
            return super().prepared(given, info)
        if isinstance(given, str):
            given = {"name": given}
        if not isinstance(given, Mapping):
            return given
        fields = named_values(given, ("name", "options"), f"the {cls.kind}")
        if "name" not in fields:
            raise problem(f"the {cls.kind} has no name", nearest("", cls.choices()))
        name, options = str(fields["name"]), fields.get("options")
        chosen = cls.choices().get(name) or cls.choices().get(name.lower())
        if chosen is None:
            hint = nearest(name, cls.choices())
            raise problem(f"there is no {cls.kind} {name!r}", hint, at=("name",))
        return checked(chosen, {} if options is None else options, info.context, "options")

    def values(self, path: Path = ()) -> Iterator[tuple[Path, FieldInfo, Any]]:
        """Yield its options, which stand below ``options``."""
        return super().values((*path, "options"))

    def shown(self) -> dict[str, Any]:
        """Return it as a file has it; keys are masked."""
        options = super().shown()
        return {"name": self.name, "options": options} if options else {"name": self.name}


def named_values(given: Mapping[str, Any], names: Sequence[str], what: str) -> dict[str, Any]:
    """Return the values of a mapping whose names are these, ignoring case.

    Raises
    ------
    ValidationError
        It has another name.
    """
    own = {name.lower(): name for name in names}
    if other := next((name for name in given if name.lower() not in own), None):
        raise problem(f"{what} has no {other!r}", nearest(other, names), at=(other,))
    return {own[name.lower()]: value for name, value in given.items()}


def _shown(value: Any) -> Any:
    if isinstance(value, FlowModel):
        return value.shown()
    if isinstance(value, Secret):
        return repr(value)
    return [_shown(one) for one in value] if isinstance(value, tuple | list) else value
