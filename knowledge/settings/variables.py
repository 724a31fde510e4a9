"""Variables that stand in a settings file: ``${NAME}``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

VARIABLE = r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}"


class ProfileValue(NamedTuple):
    """One value of a profile's ``config``.

    Parameters
    ----------
    value:
        With its variables put in.
    environment, dotenv:
        Names of the variables that were put in, by where they were found.
    missing:
        Names of those that are set nowhere.
    """

    value: Any
    environment: tuple[str, ...] = ()
    dotenv: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


class Variables(NamedTuple):
    """Where ``${NAME}`` is looked up: the environment first."""

    environment: Mapping[str, str]
    dotenv: Mapping[str, str]

    def expand(self, raw: Any) -> ProfileValue:
        """Put variables into a text; anything else stays as it is."""
        if not isinstance(raw, str):
            return ProfileValue(raw)
        names = tuple(dict.fromkeys(re.findall(VARIABLE, raw)))
        merged = {**self.dotenv, **self.environment}
        return ProfileValue(
            re.sub(VARIABLE, lambda found: merged.get(found[1], ""), raw),
            environment=tuple(name for name in names if name in self.environment),
            dotenv=tuple(
                name for name in names if name not in self.environment and name in self.dotenv
            ),
            missing=tuple(name for name in names if name not in merged),
        )
