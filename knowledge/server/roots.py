"""Which paths of the server's own disk a client may have ingested: those below allowed roots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from knowledge.server.problems import RefusedError


def below_roots(paths: Sequence[str], roots: Sequence[str]) -> list[str]:
    """Return the paths as they really are, without links.

    Parameters
    ----------
    paths:
        Absolute, or relative to the only root.

    Raises
    ------
    RefusedError
        One lies outside all roots, be it by a link; whether it exists is not said.
    """
    allowed = [Path(root).expanduser().resolve() for root in roots]
    found = []
    for path in paths:
        base = allowed[0] if len(allowed) == 1 else Path("/")
        try:
            real = (base / path).resolve()
        except (OSError, ValueError, RuntimeError):  # a NUL, or links in a circle
            real = Path("/")
        if not any(real.is_relative_to(root) for root in allowed):
            hint = "Upload the files, or list the folder in KNOW_SERVER_ROOTS on the server."
            raise RefusedError(403, "path", "the path lies outside the allowed roots", hint=hint)
        found.append(str(real))
    return found
