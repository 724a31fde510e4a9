"""Reading the settings, which stand in ``settings_table``.

Precedence: flag > environment > ``.env`` in the working directory > ``knowledge.yaml`` there >
default. Each value knows where it came from, which ``knowledge config`` shows and which decides
whether a key may go to an endpoint.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from knowledge.errors import UsageError
from knowledge.files.bounded_data import MAX_YAML, DataError, parse_yaml, read_text
from knowledge.settings.conversion import convert
from knowledge.settings.profiles import Profile, Variables, read_profiles
from knowledge.settings.table import TABLE, Setting
from knowledge.settings.table.former import unread_variables
from knowledge.text.masking import masked_urls
from knowledge.text.wording import brief, nearest

PROJECT_FILE = "knowledge.yaml"


class Origin(StrEnum):
    """Where a value came from; the first four are trusted places."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    CONFIG_FILE = "config file"
    """A file that a flag or the environment named instead of ``knowledge.yaml``."""
    DEFAULT = "default"
    DOTENV = ".env"
    PROJECT_FILE = "knowledge.yaml"
    FLOWS_FILE = "flows file"
    """A flows file that the user named and has not trusted."""

    @property
    def of_folder(self) -> bool:
        """True when a file named the value that a stranger may have written."""
        return self in (Origin.DOTENV, Origin.PROJECT_FILE, Origin.FLOWS_FILE)


__all__ = [
    "BY_NAME",
    "TABLE",
    "Origin",
    "Setting",
    "Settings",
    "Value",
    "convert",
    "environ_without_secrets",
    "without_password",
]

BY_NAME: Mapping[str, Setting] = {setting.name: setting for setting in TABLE}
_KNOWN = frozenset(variable for setting in TABLE for variable in setting.variables)


@dataclass(frozen=True, slots=True)
class Value:
    """A setting's value, where it came from, and under which name."""

    value: str | int | float | bool
    origin: Origin
    source: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings as read once; indexing gives the value, typed as the default is."""

    values: Mapping[str, Value]
    folder: Path
    """Where ``.env`` and ``knowledge.yaml`` were looked for."""
    warnings: tuple[str, ...] = ()
    profiles: Mapping[str, Profile] = field(default_factory=dict, repr=False)
    """Named embedding profiles, by name in lower case."""
    variables: Variables = field(default_factory=lambda: Variables({}, {}), repr=False)
    """What ``${NAME}`` stands for in files."""

    def __getitem__(self, name: str) -> Any:
        return self.values[name].value

    def origin(self, name: str) -> Origin:
        """Tell where the value of ``name`` came from."""
        return self.values[name].origin

    def is_set(self, name: str) -> bool:
        """Tell whether anybody set ``name``, be it to its default."""
        return self.values[name].origin is not Origin.DEFAULT

    def override(self, **flags: Any) -> Settings:
        """Return a copy in which each flag that is not ``None`` wins over the rest.

        Raises
        ------
        UsageError
            For a name that is no setting, or a value that does not fit it.
        """
        return replace(self, values={**self.values, **_flag_values(flags)})

    def beneath(self, values: Mapping[str, Value]) -> Settings:
        """Return a copy with the values of a profile: they win over the file's and the defaults."""
        weaker = (Origin.DEFAULT, Origin.PROJECT_FILE, Origin.CONFIG_FILE)
        won = {name: value for name, value in values.items() if self.origin(name) in weaker}
        return replace(self, values={**self.values, **won})

    def replaced(self, **values: Value) -> Settings:
        """Return a copy with other values, whatever was set before."""
        return replace(self, values={**self.values, **values})

    @classmethod
    def read(
        cls,
        *,
        environ: Mapping[str, str] | None = None,
        folder: Path | None = None,
        **flags: Any,
    ) -> Settings:
        """Read every source.

        Parameters
        ----------
        environ:
            The environment; default ``os.environ``.
        folder:
            Where ``.env`` and ``knowledge.yaml`` are looked for; default the working directory.
        flags:
            Values by setting name; ``None`` is "not given".

        Raises
        ------
        UsageError
            A value does not fit, two names of one setting disagree, or a file can't be read.
        """
        environ = os.environ if environ is None else environ
        folder = Path.cwd() if folder is None else folder
        dotenv = _read_dotenv(folder / ".env")
        both = {**dotenv, **environ}
        above = {
            **_variables(dotenv, Origin.DOTENV, both),
            **_variables(environ, Origin.ENVIRONMENT, both),
            **_flag_values(flags),
        }
        file = _read_file(folder, above.get("config_file"), Variables(environ, dotenv))
        defaults = {s.name: Value(s.default, Origin.DEFAULT) for s in TABLE}
        return cls(
            {**defaults, **file.values, **above},
            folder,
            (*file.warnings, *unread_variables(both, _KNOWN)),
            file.profiles,
            Variables(environ, dotenv),
        )


def without_password(url: str) -> str:
    """Return a URL, or a text with URLs, whose secrets are masked; see `knowledge.text.masking`."""
    return masked_urls(url)


def environ_without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment for another program: without the values of secret settings."""
    secret = {name for setting in TABLE if setting.secret for name in setting.variables}
    return {name: value for name, value in environ.items() if name not in secret}


def _flag_values(flags: Mapping[str, Any]) -> dict[str, Value]:
    values = {}
    for name, raw in flags.items():
        if raw is None:
            continue
        if name not in BY_NAME:
            raise UsageError(
                f"there is no setting {brief(name)}",
                hint=f"{nearest(name, BY_NAME)} `knowledge config` lists all.",
            )
        where = f"`{name}`"
        values[name] = Value(convert(BY_NAME[name], raw, where), Origin.FLAG, where)
    return values


def _variables(
    environ: Mapping[str, str], origin: Origin, both: Mapping[str, str]
) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for setting in TABLE:
        given = [
            (name, environ[name])
            for name in setting.variables
            if environ.get(name)
            and both.get(setting.only_with.get(name, name))
            and not both.get(setting.not_with.get(name, ""))
        ]
        if not given:
            continue
        name, raw = given[0]
        value = convert(setting, raw, name)
        for other, text in given[1:]:
            if _differs(value, convert(setting, text, other)):
                raise UsageError(
                    f"{name} and {other} name the same setting and disagree",
                    hint=f"Unset {other}.",
                )
        values[setting.name] = Value(value, origin, name)
    return values


def _differs(one: object, other: object) -> bool:
    return str(one).lower() != str(other).lower()


def _read_dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        return {k: v for k, v in dotenv_values(path, interpolate=False).items() if v is not None}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"can't read {path}: {error}") from error


@dataclass(frozen=True, slots=True)
class _File:
    """What a settings file says."""

    values: Mapping[str, Value] = field(default_factory=dict)
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def _read_file(folder: Path, named: Value | None, variables: Variables) -> _File:
    """Read the settings file that was named, or ``knowledge.yaml`` where there is one."""
    if named is None or not named.value:
        path, origin = folder / PROJECT_FILE, Origin.PROJECT_FILE
        if not path.is_file():
            return _File()
    else:
        path = folder / Path(str(named.value)).expanduser()
        origin = Origin.PROJECT_FILE if named.origin.of_folder else Origin.CONFIG_FILE
        if not path.is_file():
            raise UsageError(
                f"there is no file {named.value}", hint=f"{named.source} names it; set another."
            )
    content = _mapping(path)
    embeddings = content.pop("embeddings", None)
    profiles = read_profiles(
        embeddings,
        file=path.name,
        of_folder=origin.of_folder,
        variables=variables,
    )
    _refuse_secrets(path, content)
    values = {
        name: Value(convert(BY_NAME[name], raw, f"{path.name}: {name}"), origin, name)
        for name, raw in content.items()
        if name in BY_NAME and name != "config_file" and raw is not None
    }
    unknown = [name for name in content if name not in BY_NAME]
    unknown += [f"embeddings.{name}" for name in embeddings or () if name != "providers"]
    warnings = [f"{path.name}: {brief(name)} is no setting" for name in unknown]
    if "config_file" in content:
        warnings.append(f"{path.name}: a settings file can't name another one")
    return _File(values, profiles, tuple(warnings))


def _mapping(path: Path) -> dict[Any, Any]:
    try:
        content = parse_yaml(read_text(path, MAX_YAML))
    except DataError as error:
        line = f":{error.line}" if error.line else ""
        raise UsageError(
            f"{path}{line}: it can't be read as YAML: {error}",
            hint="A line is such as: top_k: 20",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"can't read {path}: {' '.join(str(error).split())}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UsageError(f"{path} must be a mapping of setting names to values")
    return content


def _refuse_secrets(path: Path, content: Mapping[Any, Any]) -> None:
    secret = [name for name in content if name in BY_NAME and BY_NAME[name].secret]
    if secret:
        raise UsageError(
            f"{path} holds the secret {secret[0]!r}",
            hint=f"Set {BY_NAME[secret[0]].variables[0]} in the environment or in .env instead.",
        )
