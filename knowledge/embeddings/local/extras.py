"""Libraries that come with an extra of the package."""

from __future__ import annotations

from importlib.util import find_spec

from knowledge.errors import UsageError
from knowledge.extras import install_command


def need_library(module: str, *, extra: str, user: str) -> None:
    """Check that a library is installed, without importing it.

    Parameters
    ----------
    user:
        Who needs it, as a message begins.

    Raises
    ------
    UsageError
        It is not.
    """
    if find_spec(module) is None:
        raise UsageError(
            f"{user} needs the library {module.replace('_', '-')}, which is not installed",
            hint=f"Install it: {install_command(extra)}",
        )
