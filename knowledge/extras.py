"""The extras of this package: which are installed, and the command that installs another.

pip heeds what one command names, and nothing else. A command that names one extra may put a library
back to a version that another extra, installed before, does not take. So a command names those too;
and where this package came from, since an index may have another one of its name.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

_PACKAGE = "knowledge"
_OF_DEVELOPERS = ("bench", "dev", "test", "test-extras")
_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+).*;.*extra *== *['\"](?P<extra>[\w.-]+)['\"]")


def install_command(extra: str, *others: str) -> str:
    """Return the command that installs an extra beside those that are installed.

    Parameters
    ----------
    others:
        What else is to be installed by the same command, as pip takes it.

    >>> "pip install 'knowledge[no-such-extra" in install_command("no-such-extra")
    True
    """
    return _command("pip install", extra, others)


def upgrade_command() -> str:
    """Return the command that upgrades this package with the extras that are installed."""
    return _command("pip install --upgrade", "", ())


def is_installed(extra: str) -> bool:
    """Tell whether all packages of an extra are installed, by what our metadata says."""
    return all(map(_is_there, _packages().get(extra, (extra,))))


def _command(verb: str, extra: str, others: tuple[str, ...]) -> str:
    extras = ",".join(_named(extra))
    ours = f"{_PACKAGE}[{extras}]" if extras else _PACKAGE
    if origin := _origin():
        ours = f"{ours} @ {origin}"
    return " ".join([verb.replace("pip", _pip(), 1), *map(shlex.quote, (ours, *others))])


def _pip() -> str:
    """Return how the pip of this environment is called, from where the user is."""
    here = Path(sys.executable).parent
    pip = here / "pip"
    if not pip.exists():
        return f"{shlex.quote(sys.executable)} -m pip"
    if Path(shutil.which("pip") or ".").parent == here:
        return "pip"
    try:
        return shlex.quote(str(pip.relative_to(Path.cwd())))
    except (ValueError, OSError):  # it lies elsewhere, or there is no working directory
        return shlex.quote(str(pip))


@cache
def _origin() -> str:
    """Return the address that this package was installed from; empty for an index (PEP 610)."""
    from importlib import metadata
    from urllib.request import url2pathname

    try:
        said = json.loads(metadata.distribution(_PACKAGE).read_text("direct_url.json") or "{}")
        url, vcs = said.get("url", ""), said.get("vcs_info")
    except (metadata.PackageNotFoundError, ValueError, AttributeError):
        return ""
    if vcs:
        revision = vcs.get("requested_revision")
        return f"{vcs['vcs']}+{url}" + (f"@{revision}" if revision else "")
    gone = url.startswith("file:") and not Path(url2pathname(urlsplit(url).path)).exists()
    return "" if gone else str(url)


def _named(extra: str) -> list[str]:
    """Return the extra, and each installed one that brings a package which none before it does."""
    packages = _packages()
    named = [extra] if extra else []
    covered = set(packages.get(extra, ()))
    installed = [name for name in packages if name not in _OF_DEVELOPERS and is_installed(name)]
    for name in sorted(installed, key=lambda name: (-len(packages[name]), name)):
        if not covered.issuperset(packages[name]):
            covered.update(packages[name])
            named.append(name)
    return [*named[: bool(extra)], *sorted(named[bool(extra) :])]


@cache
def _packages() -> dict[str, tuple[str, ...]]:
    """Return the packages of each extra, as our metadata names them; none where there is none."""
    from importlib import metadata  # 20 ms

    found: dict[str, tuple[str, ...]] = {}
    try:
        lines = metadata.requires(_PACKAGE) or []
    except metadata.PackageNotFoundError:  # run from a checkout that is not installed
        lines = []
    for line in lines:
        if match := _REQUIREMENT.match(line):
            found[match["extra"]] = (*found.get(match["extra"], ()), match["name"].lower())
    return found


def _is_there(distribution: str) -> bool:
    from importlib import metadata

    try:
        metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True
