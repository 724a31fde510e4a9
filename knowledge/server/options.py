"""The options of `knowledge serve`: where it listens, who may ask, and how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from knowledge.errors import UntrustedEndpointError
from knowledge.requests import Request, option
from knowledge.settings.pairs import listed
from knowledge.settings.trust import may_not_name

if TYPE_CHECKING:
    from knowledge.settings.reading import Settings

ACCESS = "Who may ask"
LIMITS = "Limits"


@dataclass(frozen=True, slots=True)
class ServeRequest(Request):
    """The server's options; what is ``None`` comes from the settings."""

    host: str | None = option(metavar="ADDRESS", setting="server_host")
    port: int | None = option(metavar="PORT", setting="server_port")
    read_only: bool | None = option(panel=ACCESS, setting="server_read_only")
    allow_hosts: Sequence[str] | None = option(
        "Host name that requests may name, besides this machine's; may be repeated.",
        "--allow-host",
        metavar="HOST",
        panel=ACCESS,
        setting="server_allow_hosts",
        of_setting=listed,
    )
    allow_origins: Sequence[str] | None = option(
        "Origin of web pages that may ask, such as https://wiki.example.org; may be repeated.",
        "--allow-origin",
        metavar="ORIGIN",
        panel=ACCESS,
        setting="server_allow_origins",
        of_setting=listed,
    )
    roots: Sequence[str] | None = option(
        "Folder whose files clients may have ingested; may be repeated.",
        "--root",
        metavar="FOLDER",
        panel=ACCESS,
        setting="server_roots",
        of_setting=listed,
        shown_default="none",
    )
    models: Sequence[str] | None = option(
        "Embedding model, such as onnx:./minilm, that clients may name; may be repeated.",
        "--model",
        metavar="PROVIDER:MODEL",
        setting="server_models",
        of_setting=listed,
        shown_default="those of `models list`",
    )
    warm: bool | None = option(setting="server_warm")
    log: str | None = option(metavar="FORMAT", setting="server_log")
    threads: int | None = option(metavar="N", panel=LIMITS, setting="server_threads")
    concurrency: int | None = option(
        "", "--max-requests", metavar="N", panel=LIMITS, setting="server_concurrency"
    )
    timeout: float | None = option(metavar="SECONDS", panel=LIMITS, setting="server_timeout")
    max_body: int | None = option(metavar="MIB", panel=LIMITS, setting="server_max_body")

    max_upload: int | None = option(metavar="MIB", panel=LIMITS, setting="server_max_upload")


def check_named_by_user(settings: Settings) -> None:
    """Refuse what a folder's own files may not decide: who reaches the server, and how far.

    Raises
    ------
    UntrustedEndpointError
        The working directory's ``.env`` or ``knowledge.yaml`` sets such a thing, and the user has
        not trusted the folder.
    """
    for name in settings.table:
        if name.startswith("server_") and may_not_name(settings, name):
            raise UntrustedEndpointError(
                f"{settings.origin(name)} in {settings.folder} sets "
                f"{settings.table[name].variables[0]}, which decides who may ask this server"
            )
