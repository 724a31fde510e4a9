"""Reading the settings, which stand in ``settings_table``.

Precedence: flag > environment > ``.env`` in the working directory > ``knowledge.yaml`` there >
default. Each value knows where it came from, which ``knowledge config`` shows and which decides
whether a key may go to an endpoint.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from knowledge.errors import UsageError
from knowledge.settings_table import TABLE, Setting


class Origin(StrEnum):
    """Where a value came from; the first three are trusted places."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    DEFAULT = "default"
    DOTENV = ".env"
    PROJECT_FILE = "knowledge.yaml"

    @property
    def of_folder(self) -> bool:
        """True when the working directory named the value, which a stranger may have written."""
        return self in (Origin.DOTENV, Origin.PROJECT_FILE)


__all__ = ["BY_NAME", "TABLE", "Origin", "Setting", "Settings", "Value", "without_password"]

BY_NAME: Mapping[str, Setting] = {setting.name: setting for setting in TABLE}


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
        project, warnings = _read_project_file(folder / "knowledge.yaml")
        layers = [
            {s.name: Value(s.default, Origin.DEFAULT) for s in TABLE},
            project,
            _variables(_read_dotenv(folder / ".env"), Origin.DOTENV),
            _variables(environ, Origin.ENVIRONMENT),
            _flag_values(flags),
        ]
        merged: dict[str, Value] = {}
        for layer in layers:
            merged.update(layer)
        return cls(merged, folder, tuple(warnings))


def without_password(url: str) -> str:
    """Return a URL in which credentials, before the host or in the query, are masked."""
    url = re.sub(r"://[^/\s]*@", "://********@", url)
    return re.sub(r"([?&][^=&\s]*(?:key|token|secret|sig)[^=&\s]*=)[^&\s]+", r"\1********", url)


def _flag_values(flags: Mapping[str, Any]) -> dict[str, Value]:
    values = {}
    for name, raw in flags.items():
        if raw is None:
            continue
        if name not in BY_NAME:
            raise UsageError(f"there is no setting {name!r}", hint="`knowledge config` lists them.")
        flag = "--" + name.replace("_", "-")
        values[name] = Value(_convert(BY_NAME[name], raw, flag), Origin.FLAG, flag)
    return values


def _variables(environ: Mapping[str, str], origin: Origin) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for setting in TABLE:
        given = [(name, environ[name]) for name in setting.variables if environ.get(name)]
        if not given:
            continue
        name, raw = given[0]
        for other, text in given[1:]:
            if text != raw:
                raise UsageError(
                    f"{name} and {other} name the same setting and disagree",
                    hint=f"Unset {other}.",
                )
        values[setting.name] = Value(_convert(setting, raw, name), origin, name)
    return values


def _read_dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        return {k: v for k, v in dotenv_values(path, interpolate=False).items() if v is not None}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"can't read {path}: {error}") from error


def _read_project_file(path: Path) -> tuple[dict[str, Value], list[str]]:
    if not path.is_file():
        return {}, []
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"can't read {path}: {error}") from error
    if content is None:
        return {}, []
    if not isinstance(content, dict):
        raise UsageError(f"{path} must be a mapping of setting names to values")
    unknown = [str(name) for name in content if name not in BY_NAME]
    secret = [name for name in content if name in BY_NAME and BY_NAME[name].secret]
    if secret:
        raise UsageError(
            f"{path} holds the secret {secret[0]!r}",
            hint=f"Set {BY_NAME[secret[0]].variables[0]} in the environment or in .env instead.",
        )
    values = {
        name: Value(_convert(BY_NAME[name], raw, f"{path.name}: {name}"), Origin.PROJECT_FILE, name)
        for name, raw in content.items()
        if name in BY_NAME and raw is not None
    }
    return values, [f"{path.name}: {name!r} is no setting" for name in unknown]


def _convert(setting: Setting, raw: Any, where: str) -> str | int | float | bool:
    wanted = type(setting.default)
    try:
        value = _as_bool(raw) if wanted is bool else wanted(_plain(raw, wanted))
    except (TypeError, ValueError) as error:
        kinds = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
        raise UsageError(f"{where} must be {kinds[wanted]}, not {raw!r}") from error
    if isinstance(value, int | float) and value != value:
        raise UsageError(f"{where} must be a number, not {raw!r}")
    if setting.minimum is not None and float(value) < setting.minimum:
        raise UsageError(f"{where} must be at least {setting.minimum:g}, not {raw!r}")
    if not setting.choices:
        return value
    for choice in setting.choices:
        if choice.lower() == str(value).lower():
            return choice
    raise UsageError(f"{where} must be one of {', '.join(setting.choices)}, not {raw!r}")


def _plain(raw: Any, wanted: type) -> Any:
    """Refuse what a conversion would silently bend, such as 1.5 to 1 or a list to its text."""
    wrong = isinstance(raw, bool) if wanted is not str else not isinstance(raw, str | int | float)
    if wrong or (wanted is int and isinstance(raw, float) and not raw.is_integer()):
        raise ValueError(raw)
    return raw


def _as_bool(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    text = str(raw).strip().lower()
    if text in ("1", "true", "yes", "on"):
        return True
    if text in ("0", "false", "no", "off", ""):
        return False
    raise ValueError(raw)
