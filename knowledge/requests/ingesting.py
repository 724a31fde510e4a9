"""Which documents go into a dataset."""

from __future__ import annotations

import operator
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from knowledge.requests.request import Request, one_dataset, option, without_flag
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
    dataset: str | None = one_dataset()
    metadata: Mapping[str, Any] | None = option(
        "Metadata to store with every file.",
        metavar="NAME=VALUE",
        setting="ingest_metadata",
        of_setting=setting_pairs,
    )
    recursive: bool | None = option(
        "Read subfolders too.",
        "--no-recursive",
        off="Do not read subfolders.",
        setting="no_recursive",
        of_setting=operator.not_,
    )
    create: bool | None = option(
        "Make the dataset where there is none.",
        "--no-create-dataset",
        off="Fail when the dataset does not exist.",
        setting="no_create_dataset",
        of_setting=operator.not_,
    )
    ignore_file: StrPath | None = option(metavar="FILE", setting="ignore_file")  # noqa: RUF009
    ignore_extensions: str | Sequence[str] | None = option(
        metavar="LIST", setting="ignore_extensions"
    )
    include_hidden: bool | None = option(setting="include_hidden")
    include_generated: bool | None = option(panel=TAKING, setting="include_generated")
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
        "Respect .gitignore files.",
        "--gitignore/--no-gitignore",
        panel=TAKING,
        setting="gitignore",
        of_setting={"on": True, "off": False}.get,
        shown_default="inside Git work trees",
    )
    follow_links: bool | None = option(
        "",
        "--follow-links/--no-follow-links",
        panel=TAKING,
        setting="follow_links",
        shown_default="yes",
    )
    err_on_unsupported: bool | None = option(
        "", "--err-on-unsupported-file", setting="err_on_unsupported_file"
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
        Its bytes; or a file that has them, which is read when its turn comes.
    metadata:
        Kept with it, besides what the request gives to all.
    """

    name: str
    content: bytes | Path = field(repr=False)
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IngestRequest(SourceRequest):
    """Documents into a dataset: ``ingest``."""

    inline: Sequence[InlineText] = without_flag("Documents that are not files.", ())
    prune: bool | None = option(setting="prune")
    force: bool = option("Read, split and store every file again.", default=False)
    dry_run: bool = option("Show what would be done; write and send nothing.", default=False)
