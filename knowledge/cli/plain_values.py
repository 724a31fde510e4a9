"""Texts, numbers and paths from the command line without pydantic.

Typer 0.29 reads every value through a pydantic adapter, also those that were not given. Importing
pydantic and building the adapters takes as long as all else a quick command does. For the plain
types that our commands have, the conversion is one call. Where Typer is built another way, its own
conversion stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args, get_origin

import typer

from knowledge.cli.values import MOST, PLAIN, converted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def skip_pydantic(parameters: Sequence[Any]) -> Sequence[Any]:
    """Give those parameters whose types are plain a conversion of their own; return all."""
    for parameter in parameters:
        descriptor: Any = getattr(parameter, "type_descriptor", None)
        info = getattr(descriptor, "parameter_info", None)
        if info is None or getattr(parameter, "_runtime_param", True) is not None:
            continue
        kind, many = _plain_type(descriptor.annotation)
        checked = info.exists or info.readable is False or info.resolve_path
        if kind is not None and info.parser is None and not checked:
            least = -MOST if info.min is None else info.min
            most = MOST if info.max is None else info.max
            parameter._runtime_param = _PlainValue(kind, many, least, most)
    return parameters


def _plain_type(annotation: Any) -> tuple[Callable[[str], Any] | None, bool]:
    """Return the type of one value, and whether there are many of them."""
    many = get_origin(annotation) is list
    kind = get_args(annotation)[0] if many else annotation
    return (kind if kind in PLAIN else None), many


class _PlainValue:
    """What Typer asks to convert a value."""

    def __init__(self, kind: Callable[[str], Any], many: bool, least: float, most: float) -> None:
        self._kind = kind
        self._many = many
        self._least, self._most = least, most

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the value, or values, in the type that the command wants."""
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        if self._many:
            return [self._one(item, param, ctx) for item in value]
        return self._one(value, param, ctx)

    def _one(self, value: Any, param: Any, ctx: Any) -> Any:
        if isinstance(self._kind, type) and type(value) is self._kind:
            return value
        try:
            return converted(value, self._kind, self._least, self._most)
        except ValueError as error:
            raise typer.BadParameter(str(error), ctx=ctx, param=param) from error
