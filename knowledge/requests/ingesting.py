"""Which documents go into a dataset: once, or followed."""

from __future__ import annotations

import operator
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from knowledge.requests.asking import SimilarRequest
from knowledge.requests.option import Request, like, option, without_flag
from knowledge.settings.pairs import setting_pairs

StrPath = str | os.PathLike[str]

TAKING = "Which files"
READING = "Reading files"


@dataclass(frozen=True, slots=True)
class SourceRequest(Request):
    """Which documents go into which dataset; what ``ingest`` and ``watch`` share."""

    paths: StrPath | Sequence[StrPath] = option(  # noqa: RUF009
        "Files, folders, URLs, Git repositories, s3://bucket/docs; - is stdin.",
        default=(),
        kw_only=False,
        positional=True,
        metavar="PATH...",
    )
    dataset: str | None = like(SimilarRequest, "dataset")
    metadata: Mapping[str, Any] | None = option(
        "Metadata to store with every file [KNOW_INGEST_METADATA].",
        metavar="NAME=VALUE",
        setting="ingest_metadata",
        of_setting=setting_pairs,
    )
    recursive: bool | None = option(
        "Do not read subfolders.",
        "--no-recursive",
        off=True,
        setting="no_recursive",
        of_setting=operator.not_,
    )
    create: bool | None = option(
        "Fail when the dataset does not exist.",
        "--no-create-dataset",
        off=True,
        setting="no_create_dataset",
        of_setting=operator.not_,
    )
    ignore_file: StrPath | None = option(  # noqa: RUF009
        "File of gitignore lines [KNOW_INGEST_IGNORE_FILE].",
        metavar="FILE",
        setting="ignore_file",
    )
    ignore_extensions: str | Sequence[str] | None = option(
        "Extensions to exclude, such as .log,.tmp [KNOW_INGEST_IGNORE_EXTENSIONS].",
        metavar="LIST",
        setting="ignore_extensions",
    )
    include_hidden: bool | None = option(
        "Include hidden files and folders.", setting="include_hidden"
    )
    include_generated: bool | None = option(
        "Include what nobody wrote: lock files, source maps, minified and generated code.",
        "--include-generated",
        panel=TAKING,
        setting="include_generated",
    )
    include: Sequence[str] = option(
        "Ingest only files that match, such as 'docs/**/*.md'; may be repeated.",
        default=(),
        metavar="GLOB",
        panel=TAKING,
    )
    exclude: Sequence[str] = option(
        "Exclude what matches, such as 'drafts/'; may be repeated.",
        default=(),
        metavar="GLOB",
        panel=TAKING,
    )
    gitignore: bool | None = option(
        "Respect .gitignore files [KNOW_INGEST_GITIGNORE; default: inside Git work trees].",
        "--gitignore/--no-gitignore",
        panel=TAKING,
        setting="gitignore",
        of_setting={"on": True, "off": False}.get,
    )
    follow_links: bool | None = option(
        "Follow symbolic links in folders, also out of them [KNOW_FOLLOW_LINKS; default: yes].",
        "--follow-links/--no-follow-links",
        panel=TAKING,
        setting="follow_links",
    )
    err_on_unsupported: bool | None = option(
        "Count unsupported files as failed.",
        "--err-on-unsupported-file",
        setting="err_on_unsupported_file",
    )
    passwords: Sequence[str] = option(
        "Password for protected files; may be repeated. Others can see it in the list of "
        "processes: KNOW_PASSWORDS_FILE is safer.",
        "--password",
        default=(),
        metavar="TEXT",
        panel=READING,
    )

    @property
    def sources(self) -> list[str]:
        """The paths and URLs."""
        if isinstance(self.paths, str | os.PathLike):
            return [os.fspath(self.paths)]
        return [os.fspath(one) for one in self.paths]


@dataclass(frozen=True, slots=True)
class InlineText:
    """A document that is no file, such as standard input.

    Parameters
    ----------
    name:
        Names it in the dataset; its extension tells its kind.
    content:
        Its bytes.
    """

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class IngestRequest(SourceRequest):
    """Documents into a dataset: ``ingest``."""

    inline: Sequence[InlineText] = without_flag((), help="Documents that are no files.")
    prune: bool | None = option(
        "Remove from the dataset what no longer exists in the folders.", setting="prune"
    )
    force: bool = option("Read, split and store every file again.", default=False)
    dry_run: bool = option("Show what would be done; write and send nothing.", default=False)


@dataclass(frozen=True, slots=True)
class WatchRequest(SourceRequest):
    """Documents into a dataset that follows them: ``watch``."""

    paths: StrPath | Sequence[StrPath] = like(  # noqa: RUF009
        SourceRequest, "paths", help="Files, folders, URLs, Git repositories, s3://bucket/docs."
    )
    once: bool = option("Check everything once, then end.", default=False)
    every: float | None = without_flag(help="Seconds between looks.")
