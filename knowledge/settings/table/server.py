"""`knowledge serve`, and where commands find a server."""

from __future__ import annotations

from knowledge.settings.table.setting import MAX_MIB, Setting

SERVER: tuple[Setting, ...] = (
    Setting(
        "server",
        ("KNOW_SERVER",),
        "",
        "Address of a server that commands ask instead of the data folder, such as "
        "http://127.0.0.1:7411.",
    ),
    Setting(
        "server_token",
        ("KNOW_SERVER_TOKEN",),
        "",
        "Bearer token that allows reading and writing.",
        secret=True,
    ),
    Setting(
        "server_read_token",
        ("KNOW_SERVER_READ_TOKEN",),
        "",
        "Bearer token that allows reading only.",
        secret=True,
    ),
    Setting(
        "server_host",
        ("KNOW_SERVER_HOST",),
        "127.0.0.1",
        "Address that serve listens on; one that is not loopback needs a token.",
    ),
    Setting(
        "server_port",
        ("KNOW_SERVER_PORT",),
        7411,
        "Port that serve listens on; 0 is any free one.",
        minimum=0,
        maximum=65_535,
    ),
    Setting(
        "server_allow_hosts",
        ("KNOW_SERVER_ALLOW_HOSTS",),
        "",
        "Host names, besides those of this machine, that requests may name; separated by commas.",
    ),
    Setting(
        "server_allow_origins",
        ("KNOW_SERVER_ALLOW_ORIGINS",),
        "",
        "Web pages of other origins that may ask the server, such as https://wiki.example.org; "
        "separated by commas.",
    ),
    Setting(
        "server_read_only",
        ("KNOW_SERVER_READ_ONLY",),
        False,
        "Serve without any request that writes.",
    ),
    Setting(
        "server_roots",
        ("KNOW_SERVER_ROOTS",),
        "",
        "Folders whose files clients may have ingested; separated by commas.",
    ),
    Setting(
        "server_models",
        ("KNOW_SERVER_MODELS",),
        "",
        "Embedding models, such as onnx:./minilm, that clients may name besides the providers and "
        "profiles of `models list`; separated by commas.",
    ),
    Setting(
        "server_warm",
        ("KNOW_SERVER_WARM",),
        False,
        "Load the models and indexes of all datasets when the server starts, and keep them.",
    ),
    Setting(
        "server_threads",
        ("KNOW_SERVER_THREADS",),
        4,
        "Requests that the server answers at the same time; others wait.",
        minimum=1,
        maximum=256,
    ),
    Setting(
        "server_concurrency",
        ("KNOW_SERVER_CONCURRENCY",),
        256,
        "Requests that may be open at the same time; more get 429 and Retry-After.",
        minimum=1,
        maximum=100_000,
    ),
    Setting(
        "server_timeout",
        ("KNOW_SERVER_TIMEOUT",),
        120.0,
        "Time limit for reading a request and beginning its answer, in seconds.",
        minimum=0.1,
        maximum=86_400,
    ),
    Setting(
        "server_max_body",
        ("KNOW_SERVER_MAX_BODY",),
        32,
        "Largest body of a request, in MiB.",
        minimum=1,
        maximum=MAX_MIB,
    ),
    Setting(
        "server_max_upload",
        ("KNOW_SERVER_MAX_UPLOAD",),
        512,
        "Largest upload, in MiB.",
        minimum=1,
        maximum=MAX_MIB,
    ),
    Setting(
        "server_log",
        ("KNOW_SERVER_LOG",),
        "text",
        "Access log of the server on stderr: text, json or off.",
        choices=("text", "json", "off"),
    ),
)
