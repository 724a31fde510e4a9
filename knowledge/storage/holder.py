"""Who holds a lock: what a process says of itself, and what another one makes of it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from knowledge.settings.reading import without_password

ANOTHER = "another process"
_MASK = "********"
_MOST = 4_096
"""Characters of what a process says of itself."""
_LONGEST = 200
"""Characters of a command line that are shown."""
_TELLTALE = (
    r"pass(?:word|wd|phrase|code)?s?|pwd|tokens?|(?:api)?keys?|secrets?|headers?|auth(?:orization)?"
    r"|bearer|credentials?|cookies?|sig(?:nature)?|jwt|login"
)
_SECRET_OPTION = re.compile(rf"-{{1,2}}(?:\w+[-_])*(?:{_TELLTALE})", re.IGNORECASE)
_SECRET_PAIR = re.compile(
    rf"((?<![a-z])(?:{_TELLTALE})[\"']?\s*[=:]\s*).+", re.IGNORECASE | re.DOTALL
)
_LOGIN = re.compile(r"://[^\s]*@")
_QUERY = re.compile(r"(://[^\s?#]*)[?#]\S+")


def this_process() -> dict[str, Any]:
    """Return what there is to say of this process, as plain values."""
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "command": masked_command([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "process_started": _started(os.getpid()),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def told_holder(said: str | bytes, *, lives: bool = False) -> str:
    """Return in words what a process said of itself; ``another process`` where it can't be right.

    What a killed process left says nothing of who holds the lock now.

    Parameters
    ----------
    said:
        :func:`this_process` as JSON, or whatever somebody put in its place.
    lives:
        Whether it is known to live. Else that is looked up, where its host has this one's name.
    """
    try:
        who = json.loads(said[:_MOST])
        if not lives and _is_stale(who):
            return ANOTHER
        since = f", since {_plain(who['since'])}" if who.get("since") else ""
        return (
            f"process {int(who['pid'])} on {_plain(who['host'])} ({_plain(who['command'])}{since})"
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return ANOTHER


def masked_command(arguments: Sequence[str]) -> str:
    """Return a command line without the secrets in it: passwords, keys, logins and queries."""
    return " ".join(_masked(arguments))[:_LONGEST]


def _masked(arguments: Iterable[str]) -> Iterable[str]:
    after_secret = False
    for argument in arguments:
        if after_secret:
            after_secret = False
            yield _MASK
            continue
        name, equals, _ = argument.partition("=")
        if _SECRET_OPTION.fullmatch(name):
            after_secret = not equals
            yield f"{name}={_MASK}" if equals else name
        else:
            yield _without_secrets(argument)


def _without_secrets(argument: str) -> str:
    told = _LOGIN.sub(f"://{_MASK}@", argument)
    told = _QUERY.sub(rf"\1?{_MASK}", told)
    return _SECRET_PAIR.sub(rf"\g<1>{_MASK}", without_password(told))


def _is_stale(who: Any) -> bool:
    """Tell whether the process that wrote a holder's file is gone, as far as that can be known."""
    if who["host"] != socket.gethostname():
        return False
    started, noted = _started(int(who["pid"])), who.get("process_started")
    return started is None or (noted is not None and abs(started - float(noted)) > 1.0)


def _started(process: int) -> float | None:
    import psutil

    with contextlib.suppress(psutil.Error):
        return float(psutil.Process(process).create_time())
    return None


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in str(text))[:_LONGEST]
