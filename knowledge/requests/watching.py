"""Which documents a dataset follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from knowledge.requests.ingesting import SourceRequest, StrPath
from knowledge.requests.request import like, option, without_flag


@dataclass(frozen=True, slots=True)
class WatchRequest(SourceRequest):
    """Documents into a dataset that follows them: ``watch``."""

    paths: StrPath | Sequence[StrPath] = like(  # noqa: RUF009
        SourceRequest, "paths", help="Files, folders, URLs, Git repositories, s3://bucket/docs."
    )
    once: bool = option("Check everything once, then end.", default=False)
    every: float | None = without_flag("Seconds between looks.")
