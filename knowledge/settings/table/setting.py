"""What the table of settings says of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_SECONDS = 604_800
"""A week: no wait is meant to be longer, and the system's own timers end not far above it."""
MAX_MIB = 16_777_216
"""16 TiB."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table.

    Parameters
    ----------
    name:
        The key in ``knowledge.yaml`` and in ``KnowledgeBase.open(**settings)``.
    variables:
        Environment names, the documented one first.
    default:
        The default; its type is the setting's type (``str``, ``int``, ``float`` or ``bool``).
    help:
        One sentence.
    minimum, maximum:
        Least and greatest value of a number, which must have both.
    choices:
        Allowed values of a text, compared without case.
    secret:
        True for values that are never printed or stored.
    synonyms:
        Other words for choices, in capitals, such as ``{"OPENAI": "OPEN_AI"}``.
    only_with:
        Variables that count only where another one is set, which stands beside them: names that
        other programs use for something else.
    not_with:
        Variables that do not count where another one is set, for the same reason.
    """

    name: str
    variables: tuple[str, ...]
    default: str | int | float | bool
    help: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    secret: bool = False
    synonyms: Mapping[str, str] = field(default_factory=dict, hash=False)
    only_with: Mapping[str, str] = field(default_factory=dict, hash=False)
    not_with: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        is_number = isinstance(self.default, int | float) and not isinstance(self.default, bool)
        if is_number and (self.minimum is None or self.maximum is None):
            raise TypeError(f"the setting {self.name} needs a minimum and a maximum")
