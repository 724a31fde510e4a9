"""Options that say who answers, and how: what each command that asks has."""

from __future__ import annotations

from dataclasses import dataclass

from knowledge.requests import Request, option


@dataclass(frozen=True)
class ServerOptions(Request):
    """Which knowledge base is asked."""

    server: str | None = option(metavar="URL", setting="server")


@dataclass(frozen=True)
class FlowOptions(Request):
    """Which flow reads files and answers questions."""

    flows_file: str | None = option(metavar="FILE", setting="flows_file")
    flow: str | None = option(metavar="NAME", setting="flow")
