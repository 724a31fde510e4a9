"""What `knowledge serve` is told: where it listens, who may ask, and how much."""

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

    host: str | None = option(
        "Address to listen on; not a loopback one needs a token "
        "[KNOW_SERVER_HOST; default: 127.0.0.1].",
        metavar="ADDRESS",
        setting="server_host",
    )
    port: int | None = option(
        "Port; 0 is any free one [KNOW_SERVER_PORT; default: 7411].",
        metavar="PORT",
        setting="server_port",
        minimum=0,
        maximum=65_535,
    )
    read_only: bool | None = option(
        "Refuse every request that writes [KNOW_SERVER_READ_ONLY].",
        panel=ACCESS,
        setting="server_read_only",
    )
    allow_hosts: Sequence[str] | None = option(
        "Host name that requests may name, besides this machine's; may be repeated "
        "[KNOW_SERVER_ALLOW_HOSTS].",
        "--allow-host",
        metavar="HOST",
        panel=ACCESS,
        setting="server_allow_hosts",
        of_setting=listed,
    )
    allow_origins: Sequence[str] | None = option(
        "Origin of web pages that may ask, such as https://wiki.example.org; may be repeated "
        "[KNOW_SERVER_ALLOW_ORIGINS].",
        "--allow-origin",
        metavar="ORIGIN",
        panel=ACCESS,
        setting="server_allow_origins",
        of_setting=listed,
    )
    roots: Sequence[str] | None = option(
        "Folder whose files clients may have ingested; may be repeated "
        "[KNOW_SERVER_ROOTS; default: none].",
        "--root",
        metavar="FOLDER",
        panel=ACCESS,
        setting="server_roots",
        of_setting=listed,
    )
    models: Sequence[str] | None = option(
        "Embedding model, such as onnx:./minilm, that clients may name; may be repeated "
        "[KNOW_SERVER_MODELS; default: those of `models list`].",
        "--model",
        metavar="PROVIDER:MODEL",
        setting="server_models",
        of_setting=listed,
    )
    warm: bool | None = option(
        "Load the models and indexes of all datasets before the first request [KNOW_SERVER_WARM].",
        setting="server_warm",
    )
    log: str | None = option(
        "Access log on stderr: text, json or off [KNOW_SERVER_LOG; default: text].",
        metavar="FORMAT",
        setting="server_log",
        choices=("text", "json", "off"),
    )
    threads: int | None = option(
        "Requests answered at the same time [KNOW_SERVER_THREADS; default: 4].",
        metavar="N",
        panel=LIMITS,
        setting="server_threads",
        minimum=1,
        maximum=256,
    )
    concurrency: int | None = option(
        "Requests open at the same time; more get 429 [KNOW_SERVER_CONCURRENCY; default: 256].",
        "--max-requests",
        metavar="N",
        panel=LIMITS,
        setting="server_concurrency",
        minimum=1,
        maximum=100_000,
    )
    timeout: float | None = option(
        "Seconds for reading a request and beginning its answer "
        "[KNOW_SERVER_TIMEOUT; default: 120].",
        metavar="SECONDS",
        panel=LIMITS,
        setting="server_timeout",
        minimum=0.1,
        maximum=86_400,
    )
    max_body: int | None = option(
        "Largest body of a request, in MiB [KNOW_SERVER_MAX_BODY; default: 32].",
        metavar="MIB",
        panel=LIMITS,
        setting="server_max_body",
        minimum=1,
        maximum=1_048_576,
    )

    max_upload: int | None = option(
        "Largest upload, in MiB [KNOW_SERVER_MAX_UPLOAD; default: 512].",
        metavar="MIB",
        panel=LIMITS,
        setting="server_max_upload",
        minimum=1,
        maximum=1_048_576,
    )


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
