"""Requests of the library from JSON and from queries: the fields that they declare, no others."""

from __future__ import annotations

import json
import os
import types
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from knowledge.errors import UsageError
from knowledge.requests import Request, check_known
from knowledge.text.wording import brief

if TYPE_CHECKING:
    from starlette.requests import Request as HttpRequest

R = TypeVar("R", bound=Request)

_NAMES = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


_known_types: dict[type[Request], Mapping[str, tuple[Any, ...]]] = {}


def field_types(kind: type[Request]) -> Mapping[str, tuple[Any, ...]]:
    """Return the types that each declared field of a request may have, ``None`` left out."""
    if kind not in _known_types:  # to read them takes longer than most questions
        hints = get_type_hints(kind)
        types_ = {name: tuple(_members(hints[name])) for name, _, _ in kind.options()}
        _known_types[kind] = types_
    return _known_types[kind]


def _members(hint: Any) -> list[Any]:
    if get_origin(hint) in (Union, types.UnionType):
        found = [member for one in get_args(hint) for member in _members(one)]
    else:
        found = [str if get_origin(hint) is os.PathLike or hint is os.PathLike else hint]
    return list(dict.fromkeys(one for one in found if one is not type(None)))


async def json_object(http: HttpRequest) -> dict[str, Any]:
    """Return the JSON object of a body; an empty body is an empty one.

    Raises
    ------
    UsageError
        It is none.
    """
    content = await http.body()
    try:
        values = json.loads(content) if content.strip() else {}
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the body is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise UsageError("the body must be a JSON object")
    return values


def request_of(kind: type[R], values: Mapping[str, Any], without: Sequence[str] = ()) -> R:
    """Return the request that JSON values make.

    Parameters
    ----------
    without:
        Fields that nobody may set from outside.

    Raises
    ------
    UsageError
        A name is none of its fields, or a value has another type.
    """
    types_ = field_types(kind)
    check_known(list(values), [name for name in types_ if name not in without], "field")
    given = {
        name: _checked(name, value, types_[name])
        for name, value in values.items()
        if value is not None
    }
    return kind(**given)


def _checked(name: str, value: Any, allowed: tuple[Any, ...]) -> Any:
    for one in allowed:
        if _fits(value, one):
            return value
    wanted = " or ".join(dict.fromkeys(map(_named, allowed)))
    raise UsageError(f"`{name}` must be {wanted}, not {brief(value)}")


def _fits(value: Any, kind: Any) -> bool:
    origin = get_origin(kind)
    if origin is Sequence:
        (part,) = get_args(kind)
        return isinstance(value, list) and all(
            any(_fits(item, one) for one in _members(part)) for item in value
        )
    if origin is Mapping:
        return isinstance(value, dict)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)


def _named(kind: Any) -> str:
    if get_origin(kind) is Sequence:
        return "a list of texts"
    if get_origin(kind) is Mapping:
        return "an object"
    return _NAMES.get(kind, "a value")


def values_of_query(kind: type[Request], pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return the JSON values that the pairs of a URL's query stand for.

    A list has its name once for each of its values.

    Raises
    ------
    UsageError
        A value is no number where one is needed, or a field that takes one has several.
    """
    found: dict[str, Any] = {}
    types_ = field_types(kind)
    for name, text in pairs:
        allowed = types_.get(name, (str,))
        if any(get_origin(one) is Sequence for one in allowed):
            found.setdefault(name, []).append(text)
        elif name in found:
            raise UsageError(f"`{name}` is given twice")
        else:
            found[name] = _of_text(name, text, allowed)
    return found


def _of_text(name: str, text: str, allowed: tuple[Any, ...]) -> Any:
    if str in allowed:
        return text
    if bool in allowed:
        if text.lower() not in _TRUTH:
            raise UsageError(f"`{name}` must be true or false, not {brief(text)}")
        return _TRUTH[text.lower()]
    for kind in (int, float):
        if kind in allowed:
            try:
                return kind(text)
            except ValueError:
                raise UsageError(f"`{name}` must be {_NAMES[kind]}, not {brief(text)}") from None
    raise UsageError(f"`{name}` can't stand in a URL", hint="Send it as JSON, by POST.")


def json_schema(kind: type[Request], without: Sequence[str] = ()) -> dict[str, Any]:
    """Return the JSON Schema of a request: what :func:`request_of` takes."""
    types_ = field_types(kind)
    properties: dict[str, Any] = {}
    for one in fields(kind):  # type: ignore[arg-type]
        declared = one.metadata.get("option")
        if declared is None or one.name in without:
            continue
        schema: dict[str, Any] = {"description": declared.help}
        kinds = [_schema_of(allowed) for allowed in types_[one.name]]
        if declared.choices:
            kinds = [{"type": "string", "enum": list(declared.choices)}]
        for each in kinds:
            if each["type"] in ("integer", "number"):
                for name in ("minimum", "maximum"):
                    if getattr(declared, name) is not None:
                        each[name] = getattr(declared, name)
        schema |= kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
        properties[one.name] = schema
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _schema_of(kind: Any) -> dict[str, Any]:
    if get_origin(kind) is Sequence:
        return {"type": "array", "items": {"type": "string"}}
    if get_origin(kind) is Mapping:
        return {"type": "object"}
    return {"type": {str: "string", int: "integer", float: "number", bool: "boolean"}[kind]}
