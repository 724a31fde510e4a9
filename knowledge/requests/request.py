"""How a field of a request is declared, and what all requests can do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Self

from knowledge.errors import UsageError
from knowledge.settings.table import TABLE
from knowledge.text.wording import brief, did_you_mean, nearest

if TYPE_CHECKING:
    from knowledge.settings.reading import Settings

_SETTINGS = {setting.name: setting for setting in TABLE}


@dataclass(frozen=True, slots=True)
class Option:
    """What is declared of a field besides its type and its default.

    Parameters
    ----------
    help:
        One sentence about the field; other fields stand in it in backquotes.
    flags:
        Its spellings there; empty is ``--`` and the field's name, ``None`` is no flag.
    metavar:
        What stands for its value in the help.
    panel:
        The heading it stands below in the help.
    setting:
        The setting that decides where the field is ``None``.
    of_setting:
        (setting's value) -> field's value, where they differ.
    shown_default:
        What holds where neither the field nor its setting says anything, where the setting's
        default does not tell; ``None`` is that default.
    off:
        The flag means false; this is its sentence.
    positional, optional:
        It is an argument of the command, not a flag; one that may be left out.
    minimum, maximum, choices:
        What a value must be.
    refines:
        It is about hits that were found, not about finding them.
    """

    help: str
    flags: tuple[str, ...] | None = ()
    metavar: str | None = None
    panel: str | None = None
    setting: str = ""
    of_setting: Callable[[Any], Any] | None = None
    shown_default: str | None = None
    off: str = ""
    positional: bool = False
    optional: bool = False
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    refines: bool = False

    @property
    def flag_help(self) -> str:
        """The sentence about its flag, with the variable that sets it too, and the default."""
        text = self.off or self.help
        if not self.setting:
            return text
        setting = _SETTINGS[self.setting]
        default = self.shown_default
        if default is None:
            default = "" if isinstance(setting.default, bool) else setting.shown_default
        note = setting.variables[0] + (f"; default: {default}" if default else "")
        return f"{text.removesuffix('.')} [{note}]."

    def check(self, name: str, value: object) -> None:
        """Raise :class:`UsageError` for a value that does not fit; it names the field."""
        wrong = self._wrong(value)
        if wrong:
            also = f"{_SETTINGS[self.setting].variables[0]} sets it too." if self.setting else ""
            hint = " ".join(filter(None, (did_you_mean(str(value), self.choices), also)))
            raise UsageError(f"`{name}` must be {wrong}", hint=hint or None)

    def _wrong(self, value: object) -> str:
        if self.choices:
            listed = ", ".join(self.choices)
            return "" if value in self.choices else f"one of {listed}, not {brief(value)}"
        if self.minimum is None:
            return ""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"a number, not {brief(value)}"
        if self.maximum is None:
            return "" if value >= self.minimum else f"at least {self.minimum:g}, not {value:g}"
        if self.minimum <= value <= self.maximum:
            return ""
        return f"from {self.minimum:g} to {self.maximum:g}, not {value:g}"


def option(
    help: str = "",
    *flags: str,
    default: Any = None,
    kw_only: bool = True,
    setting: str = "",
    **more: Any,
) -> Any:
    """Declare a field; ``more`` are fields of :class:`Option`.

    What is empty of its help, its bounds and its choices is as the setting has it, unless the
    field's value is made of the setting's.
    """
    if setting:
        row = _SETTINGS[setting]
        help = help or row.help
        if "of_setting" not in more:
            known = {"minimum": row.minimum, "maximum": row.maximum, "choices": row.choices}
            more = known | more
    metadata = {"option": Option(help, flags, setting=setting, **more)}
    return field(default=default, metadata=metadata, kw_only=kw_only)


def one_dataset() -> Any:
    """Declare the dataset that a request is about."""
    return option("Dataset.", "-d", "--dataset", kw_only=False, metavar="NAME", setting="dataset")


def without_flag(help: str, default: Any = None) -> Any:
    """Declare a field that the command line sets in a way of its own, or not at all."""
    return field(default=default, metadata={"option": Option(help, None)}, kw_only=True)


class Request:
    """What all requests can do; their fields are the request."""

    __slots__ = ()

    @classmethod
    def options(cls) -> Iterator[tuple[str, Any, Option]]:
        """Yield each declared field: its name, its default, and what is declared of it."""
        for one in fields(cls):  # type: ignore[arg-type]
            if "option" in one.metadata:
                yield one.name, one.default, one.metadata["option"]

    @classmethod
    def of(cls, first: Any, arguments: Mapping[str, Any]) -> Self:
        """Return the request that a method's arguments make.

        Parameters
        ----------
        first:
            The first argument: a value of the first field, or a request, in which the other
            arguments replace what it says.
        arguments:
            All arguments by name; what is no field is passed over.
        """
        defaults = {name: default for name, default, _ in cls.options()}
        names = list(defaults)
        given = {
            name: arguments[name]
            for name in names[1:]
            if name in arguments and arguments[name] != defaults[name]
        }
        if isinstance(first, Request):
            if not isinstance(first, cls):
                wanted = cls.__name__
                raise UsageError(f"this takes a {wanted}, not a {type(first).__name__}")
            return replace(first, **given) if given else first  # type: ignore[type-var]
        return cls(**{names[0]: first, **given})

    def resolved(self, settings: Settings) -> Self:
        """Return the request with what is ``None`` taken from the settings, and checked.

        Raises
        ------
        UsageError
            A value does not fit; the message names the field.
        """
        found = {}
        for name, _, declared in self.options():
            if declared.setting and getattr(self, name) is None:
                value = settings[declared.setting]
                found[name] = declared.of_setting(value) if declared.of_setting else value
        filled = replace(self, **found)  # type: ignore[type-var]
        filled.check()
        return filled

    def check(self) -> None:
        """Raise :class:`UsageError` for a field that does not fit; ``None`` always does."""
        for name, _, declared in self.options():
            value = getattr(self, name)
            if value is not None:
                declared.check(name, value)

    def is_set(self, name: str, settings: Settings) -> bool:
        """Tell whether the user decides a field: in the request, or by its setting."""
        declared = next(one for field_, _, one in self.options() if field_ == name)
        if getattr(self, name) is not None:
            return True
        return bool(declared.setting) and settings.is_set(declared.setting)


def like(request: type[Request], name: str, **other: Any) -> Any:
    """Declare a field as another request has it; ``other`` are what differs of its option."""
    one = next(one for one in fields(request) if one.name == name)  # type: ignore[arg-type]
    declared = replace(one.metadata["option"], **other)
    return field(default=one.default, metadata={"option": declared}, kw_only=one.kw_only)


def check_known(given: Sequence[str], known: Sequence[str], what: str) -> None:
    """Raise :class:`UsageError` for a name that is none, with the one that was perhaps meant."""
    for name in given:
        if name not in known:
            raise UsageError(f"there is no {what} {brief(name)}", hint=nearest(name, known))
