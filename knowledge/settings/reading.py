"""Reading the settings, whose table is `knowledge.settings.table`.

Precedence: flag > environment > ``.env`` in the working directory > ``knowledge.yaml`` there >
default. Each value knows where it came from, which ``knowledge config`` shows and which decides
whether a key may go to an endpoint.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from knowledge.errors import UsageError
from knowledge.files.bounded_data import MAX_YAML, DataError, parse_yaml, read_text
from knowledge.settings.conversion import convert
from knowledge.settings.installed import installed_settings
from knowledge.settings.table import TABLE, Setting
from knowledge.settings.table.former import unread_variables
from knowledge.settings.variables import Variables
from knowledge.text.wording import brief, did_you_mean, nearest

if TYPE_CHECKING:
    from knowledge.settings.profiles import Profile

PROJECT_FILE = "knowledge.yaml"
DOTENV_FILE = ".env"


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
        """True when a file that a stranger may have written set the value."""
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


class Value(NamedTuple):
    """A setting's value, where it came from, and under which name."""

    value: str | int | float | bool
    origin: Origin
    source: str = ""


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """What a settings file holds."""

    path: Path = Path(PROJECT_FILE)
    origin: Origin = Origin.PROJECT_FILE
    content: Mapping[Any, Any] = field(default_factory=dict)
    """Its entries but the profiles, as they stand there."""
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The file's name, as messages have it."""
        return self.path.name


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
    table: Mapping[str, Setting] = field(default_factory=lambda: BY_NAME, repr=False)
    """The settings by name: ours, and those of providers that were asked for."""
    file: SettingsFile = field(default_factory=SettingsFile, repr=False)

    def __getitem__(self, name: str) -> Any:
        return self.values[name].value

    def origin(self, name: str) -> Origin:
        """Tell where the value of ``name`` came from."""
        return self.values[name].origin

    def place(self, name: str) -> str:
        """Tell where the value of ``name`` stands: a file with its line, a variable, or a flag."""
        value = self.values[name]
        if value.origin is Origin.DOTENV:
            return _place_of(self.folder / DOTENV_FILE, value.source)
        if value.origin in (Origin.PROJECT_FILE, Origin.CONFIG_FILE):
            return _place_of(self.file.path, name)
        return value.source

    def is_set(self, name: str) -> bool:
        """Tell whether ``name`` is set, even to its default."""
        return self.values[name].origin is not Origin.DEFAULT

    def override(self, **flags: Any) -> Settings:
        """Return a copy in which each flag that is not ``None`` overrides the rest.

        Raises
        ------
        UsageError
            An unknown name, or an invalid value.
        """
        there = self.extended(_rows_for(flags))
        values = {**there.values, **_flag_values(flags, there.table)}
        return replace(there, values=values)

    def extended(self, rows: Iterable[Setting]) -> Settings:
        """Return a copy with further settings, read from the same places; known ones stay.

        Raises
        ------
        UsageError
            A value does not fit, or a secret stands in a file.
        """
        new = {row.name: row for row in rows if row.name not in self.table}
        if not new:
            return self
        values = {**_values(new, self.variables, self.file), **self.values}
        return replace(self, values=values, table={**self.table, **new})

    def beneath(self, values: Mapping[str, Value]) -> Settings:
        """Return a copy with a profile's values, which override the file's and the defaults."""
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
        wrong: Wrong | None = None,
        **flags: Any,
    ) -> Settings:
        """Read every source.

        Parameters
        ----------
        environ:
            The environment; default ``os.environ``.
        folder:
            Where ``.env`` and ``knowledge.yaml`` are looked for; default the working directory.
        wrong:
            Gets the errors by setting, "" for those of a whole file; what is wrong then counts
            as not set. Without it the first error is raised.
        flags:
            Values by setting name; ``None`` is "not given".

        Raises
        ------
        UsageError
            A value is invalid, two names of one setting disagree, or a file cannot be read.
        """
        environ = os.environ if environ is None else environ
        folder = _working_directory() if folder is None else folder
        with _gathered(wrong, ""):
            dotenv = {}
            dotenv = _read_dotenv(folder / DOTENV_FILE)
        variables = Variables(environ, dotenv)
        with _gathered(wrong, ""):
            file = SettingsFile()
            file = _read_file(folder, _config_file(variables, flags), variables)
        others = {row.name: row for row in _rows_for({**file.content, **flags})}
        table = {**BY_NAME, **{name: others[name] for name in others if name not in BY_NAME}}
        unknown = [
            " ".join((f"{file.name}: {brief(name)} is not a setting.", meant)).strip(" .")
            for name in file.content
            if name not in table
            for meant in [did_you_mean(str(name), table)]
        ]
        unread = unread_variables({**variables.dotenv, **environ}, _KNOWN)
        return cls(
            {**_values(table, variables, file, folder, wrong), **_flag_values(flags, table)},
            folder,
            (*unknown, *file.warnings, *unread),
            file.profiles,
            variables,
            table,
            file,
        )


Wrong = dict[str, UsageError]
"""What is wrong with settings, by name."""


@contextlib.contextmanager
def _gathered(wrong: Wrong | None, name: str) -> Iterator[None]:
    """Keep an error under a setting's name where errors are gathered; else let it go on."""
    try:
        yield
    except UsageError as error:
        if wrong is None:
            raise
        wrong.setdefault(name, error)


def _working_directory() -> Path:
    """Return the working directory; where it was deleted, a place that holds no settings."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path(os.devnull)


def _config_file(variables: Variables, flags: Mapping[str, Any]) -> Value:
    """Return which settings file is to be read instead of the usual one."""
    name = "config_file"
    row = {name: BY_NAME[name]}
    given = {name: flags.get(name)}
    return {**_values(row, variables, SettingsFile()), **_flag_values(given, row)}[name]


def _rows_for(names: Iterable[Any]) -> tuple[Setting, ...]:
    """Return the settings of other packages, which are imported for names that are not ours."""
    return installed_settings() if any(name not in BY_NAME for name in names) else ()


def _values(
    table: Mapping[str, Setting],
    variables: Variables,
    file: SettingsFile,
    folder: Path | None = None,
    wrong: Wrong | None = None,
) -> dict[str, Value]:
    """Read the values of some settings from everywhere but flags."""
    both = {**variables.dotenv, **variables.environment}

    def in_dotenv(name: str) -> str:
        line = _line_of(folder / DOTENV_FILE, name) if folder is not None else 0
        return f"{DOTENV_FILE}:{line}: {name}" if line else name

    return {
        **{row.name: Value(row.default, Origin.DEFAULT) for row in table.values()},
        **_file_values(table, file, wrong),
        **_variables(table, variables.dotenv, Origin.DOTENV, both, in_dotenv, wrong),
        **_variables(table, variables.environment, Origin.ENVIRONMENT, both, str, wrong),
    }


def without_password(url: str) -> str:
    """Return a URL, or a text with URLs, whose secrets are masked; see `knowledge.text.masking`."""
    if "://" not in url:
        return url
    from knowledge.text.masking import masked_urls

    return masked_urls(url)


def environ_without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment for another program: without the values of secret settings.

    An address with a password is one of them, and so is the password of a database.
    Settings of other packages count where the name of a variable looks like one of theirs.
    """
    unknown = any(re.search(_GUARDED, name) and name not in _KNOWN for name in environ)
    rows = (*TABLE, *(installed_settings() if unknown else ()))
    secret = {name for setting in rows if setting.secret for name in setting.variables}
    secret.add("PGPASSWORD")  # libpq's, of the database that the store is in
    given = {name: environ[name] for name in BY_NAME["store"].variables if name in environ}
    secret |= {name for name, url in given.items() if url != without_password(url)}
    return {name: value for name, value in environ.items() if name not in secret}


_GUARDED = r"(?i:KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS?)$"


def _flag_values(flags: Mapping[str, Any], table: Mapping[str, Setting]) -> dict[str, Value]:
    values = {}
    for name, raw in flags.items():
        if raw is None:
            continue
        if name not in table:
            raise UsageError(
                f"{brief(name)} is not a setting",
                hint=f"{nearest(name, table)} `knowledge config` lists all.",
            )
        where = f"`{name}`"
        values[name] = Value(convert(table[name], raw, where), Origin.FLAG, where)
    return values


def _variables(
    table: Mapping[str, Setting],
    environ: Mapping[str, str],
    origin: Origin,
    both: Mapping[str, str],
    where: Callable[[str], str],
    wrong: Wrong | None,
) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for setting in table.values():
        given = [
            (name, environ[name])
            for name in setting.variables
            if environ.get(name)
            and both.get(setting.only_with.get(name, name))
            and not both.get(setting.not_with.get(name, ""))
        ]
        if given:
            with _gathered(wrong, setting.name):
                values[setting.name] = _agreed(setting, given, origin, where)
    return values


def _agreed(
    setting: Setting,
    given: Sequence[tuple[str, str]],
    origin: Origin,
    where: Callable[[str], str],
) -> Value:
    """Return the value that all variables of a setting agree on."""
    name, raw = given[0]
    value = convert(setting, raw, where(name))
    for other, text in given[1:]:
        if _differs(value, convert(setting, text, where(other))):
            raise UsageError(
                f"{where(name)} and {where(other)} set the same setting to different values",
                hint=f"Unset {other}.",
            )
    return Value(value, origin, name)


def _differs(one: object, other: object) -> bool:
    return str(one).lower() != str(other).lower()


def _read_dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        return {k: v for k, v in dotenv_values(path, interpolate=False).items() if v is not None}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error


def _read_file(folder: Path, named: Value, variables: Variables) -> SettingsFile:
    """Read the settings file that was named, or ``knowledge.yaml`` where there is one."""
    if not named.value:
        path, origin = folder / PROJECT_FILE, Origin.PROJECT_FILE
        if not path.is_file():
            return SettingsFile()
    else:
        path = folder / Path(str(named.value)).expanduser()
        origin = Origin.PROJECT_FILE if named.origin.of_folder else Origin.CONFIG_FILE
        if not path.is_file():
            raise UsageError(f"there is no file {named.value}", hint=f"{named.source} names it.")
    content = _mapping(path)
    embeddings = content.pop("embeddings", None)
    if embeddings is True and "parameters" in content:  # the file of a model of LocalAI
        embeddings, content = {"providers": [{**content, "embeddings": True}]}, {}
    from knowledge.settings.profiles import read_profiles

    profiles = read_profiles(
        embeddings,
        file=path.absolute(),
        of_folder=origin.of_folder,
        variables=variables,
    )
    warnings = [
        f"{path.name}: {brief(f'embeddings.{name}')} is not a setting"
        for name in embeddings or ()
        if name != "providers"
    ]
    if "config_file" in content:
        warnings.append(f"{path.name}: a settings file cannot name another one")
    return SettingsFile(path, origin, content, profiles, tuple(warnings))


def _file_values(
    table: Mapping[str, Setting], file: SettingsFile, wrong: Wrong | None
) -> dict[str, Value]:
    """Read the values that a settings file gives; none of them may be a secret."""
    given = {name: raw for name, raw in file.content.items() if name in table}
    values = {}
    for name, raw in given.items():
        with _gathered(wrong, name):
            if table[name].secret:
                raise UsageError(
                    f"{_place_of(file.path, name)} holds the secret {name!r}",
                    hint=f"Set {table[name].variables[0]} in the environment or in .env instead.",
                )
            if name != "config_file" and raw is not None:
                line = _line_of(file.path, name)
                where = f"{file.name}:{line}: {name}" if line else f"{file.name}: {name}"
                values[name] = Value(convert(table[name], raw, where), file.origin, name)
    return values


def _mapping(path: Path) -> dict[Any, Any]:
    try:
        content = parse_yaml(read_text(path, MAX_YAML))
    except DataError as error:
        line = f":{error.line}" if error.line else ""
        raise UsageError(
            f"{path}{line}: it is not valid YAML: {error}",
            hint="A valid line is, for example, top_k: 20",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UsageError(f"{path} must be a mapping of setting names to values")
    return content


def _line_of(path: Path, name: str) -> int:
    """Return the last line, from 1, of a YAML mapping or a ``.env`` that gives ``name`` a value.

    0 where none is found, such as in a flow mapping of several names on a line.
    """
    entry = re.compile(rf"""(export\s+)?["']?{re.escape(name)}["']?\s*[:=]""")
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError:
        return 0
    return max((number for number, line in enumerate(lines, 1) if entry.match(line)), default=0)


def _place_of(path: Path, name: str) -> str:
    """Return a file's path and the line at which ``name`` stands, such as ``/a/.env:3``."""
    line = _line_of(path, name)
    return f"{path}:{line}" if line else str(path)
