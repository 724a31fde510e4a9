"""A row of the table of settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_SECONDS = 604_800
"""A week: longer waits make no sense, and the system's timers overflow not far above it."""
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
        Least and greatest value; a number must have both.
    choices:
        Allowed values of a text, compared without case.
    secret:
        True for values that are never printed or stored.
    synonyms:
        Synonyms of choices, in capitals, such as ``{"OPENAI": "OPEN_AI"}``.
    only_with:
        Variables that count only if the variable given here is set too: names that other
        programs use for something else.
    not_with:
        Variables that do not count if the variable given here is set, for the same reason.
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

    @property
    def shown_default(self) -> str:
        """The default as one would write it in an environment variable; may be empty."""
        if isinstance(self.default, bool):
            return str(self.default).lower()
        return f"{self.default:g}" if isinstance(self.default, float) else str(self.default)
