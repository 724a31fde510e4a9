"""``knowledge open``: the document behind a hit, at the place."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
import webbrowser
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from knowledge.cli.last_hits import Place, recalled
from knowledge.cli.options.flags import Argument, Flag
from knowledge.cli.render.terminal import write
from knowledge.cli.session import Session
from knowledge.errors import KnowledgeError, PathNotFoundError
from knowledge.records.schema import of
from knowledge.text.escaping import flat

_GOTO = {
    "code": ("--goto", "{file}:{line}"),
    "codium": ("--goto", "{file}:{line}"),
    "subl": ("{file}:{line}",),
    "zed": ("{file}:{line}",),
    "hx": ("{file}:{line}",),
    "kate": ("--line", "{line}", "{file}"),
}
"""How editors that take no +LINE get one."""
_PAGED = {
    "evince": ("--page-index={page}", "{file}"),
    "okular": ("--page", "{page}", "{file}"),
    "zathura": ("--page={page}", "{file}"),
    "atril": ("--page-index={page}", "{file}"),
    "xpdf": ("{file}", "{page}"),
    "mupdf": ("{file}", "{page}"),
}
"""Viewers that can open a page."""
_PAGES = ("http://", "https://")


def open_hit(
    session: Session,
    number: Annotated[
        int, Argument(metavar="[N]", help="The hit's number among the last ones.")
    ] = 1,
    print_: Annotated[
        bool, Flag("--print", help="Print the command instead of running it.")
    ] = False,
) -> None:
    """Open the document of one of the last hits, at its place.

    Text opens in $EDITOR at the line, a web page in $BROWSER at the nearest id, a PDF at the page.
    Without a terminal the command is printed.

    Example:  knowledge open 2
    """
    place = _opened(recalled(number))
    command = _command(place)
    if session.json:
        content = {
            "file": place.file,
            "member": place.member,
            "line": place.line,
            "page": place.page,
            "anchor": place.anchor,
            "command": command,
        }
        session.print_json(of("open", content))
        return
    if print_ or not session.on_terminal:
        write(flat(shlex.join(command)) + "\n")
        return
    if place.member:
        session.note(f"it is {place.member} inside {place.file}")
    elif place.page is not None and place.line is None:
        session.note(f"page {place.page}")
    try:
        done = subprocess.run(command, check=False)  # noqa: S603  the own editor of the user
    except OSError as error:
        raise KnowledgeError(
            f"cannot run {command[0]}: {error.strerror}", hint="Set EDITOR, such as EDITOR=nano."
        ) from error
    if done.returncode:
        raise KnowledgeError(
            f"{command[0]} ended with {done.returncode}", hint=f"The document is {place.file}"
        )


def _opened(place: Place) -> Place:
    """Return a place whose file is a page's address, or a full path.

    Whoever wrote an archive wrote the names in it: none may be an option of the program that opens
    it, or an address that has another program run.

    Raises
    ------
    PathNotFoundError
        It is neither, or the file is gone.
    """
    if _is_address(place.file):
        return place
    path = os.path.abspath(place.file)  # noqa: PTH100  links in it stay
    if os.path.exists(path):  # noqa: PTH110  a name may be longer than a path can be
        return place._replace(file=path)
    if "://" in place.file:
        raise PathNotFoundError(
            f"{place.file} is not the address of a page", hint="Open it by a program of its own."
        )
    raise PathNotFoundError(f"{place.file} is no longer there")


def _command(place: Place) -> list[str]:
    if not _is_address(place.file) and place.line is not None and not place.member:
        editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "")
        if not editor and not shutil.which(_system_viewer()[0]):
            editor = [one for one in ("nano", "vi") if shutil.which(one)][:1]
        if editor:
            return [*editor, *_told(_GOTO.get(Path(editor[0]).name, ("+{line}", "{file}")), place)]
    is_page = _is_address(place.file)
    if place.page is not None and place.file.lower().endswith(".pdf") and not is_page:
        for viewer, arguments in _PAGED.items():
            if shutil.which(viewer):
                return [viewer, *_told(arguments, place)]
    if place.anchor and not place.member and _is_page(place.file):
        return _in_browser(_address(place))
    return [*_system_viewer(), place.file]


def _is_page(file: str) -> bool:
    return _is_address(file) or file.lower().endswith((".html", ".htm", ".xhtml"))


def _is_address(file: str) -> bool:
    return file.lower().startswith(_PAGES)


def _address(place: Place) -> str:
    """Return the address of a place in a page; a fragment that names another place goes."""
    file = place.file if _is_address(place.file) else Path(place.file).as_uri()
    return f"{file.partition('#')[0]}#{quote(place.anchor or '')}"


def _in_browser(address: str) -> list[str]:
    """Return the command that shows an address in $BROWSER, or else in the user's browser.

    The system's viewer comes last: it may leave out where in the page.
    """
    words = shlex.split(os.environ.get("BROWSER", "").split(os.pathsep)[0])
    if not words:
        words = _usual_browser()
    elif words[-1] == "&":
        words.pop()
    if not any("%s" in word for word in words):
        words.append("%s")
    return [word.replace("%s", address) for word in words]


def _usual_browser() -> list[str]:
    with contextlib.suppress(webbrowser.Error):
        browser = webbrowser.get()
        if isinstance(browser, webbrowser.GenericBrowser | webbrowser.UnixBrowser):
            return [browser.name]
    return _system_viewer()


def _told(arguments: tuple[str, ...], place: Place) -> list[str]:
    return [one.format(file=place.file, line=place.line, page=place.page) for one in arguments]


def _system_viewer() -> list[str]:
    if sys.platform == "darwin":
        return ["open"]
    if sys.platform == "win32":
        return ["rundll32", "url.dll,FileProtocolHandler"]  # no shell reads what follows
    return ["xdg-open"]
