"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DatasetOption = Annotated[
    str | None,
    typer.Option(
        "-d", "--dataset", help="Dataset [KNOW_DATASET; default: default].", metavar="NAME"
    ),
]
TopKOption = Annotated[
    int | None,
    typer.Option(
        "-k", "--top-k", help="Maximum number of passages [KNOW_TOP_K; default: 10].", metavar="N"
    ),
]
FullOption = Annotated[
    bool, typer.Option("--full", help="Show complete passages on a terminal too.")
]
FailEmptyOption = Annotated[
    bool, typer.Option("--fail-empty", help="Exit with 3 when there are no hits.")
]
LockTimeoutOption = Annotated[
    float | None,
    typer.Option(
        "--lock-timeout",
        help="Seconds to wait for another writer [KNOW_LOCK_TIMEOUT; default: 60].",
        metavar="SECONDS",
    ),
]
IgnoreFileOption = Annotated[
    Path | None,
    typer.Option(
        "--ignore-file", help="File of gitignore lines [KNOW_INGEST_IGNORE_FILE].", metavar="FILE"
    ),
]
IgnoreExtensionsOption = Annotated[
    str | None,
    typer.Option(
        "--ignore-extensions",
        help="Extensions to exclude, such as .log,.tmp [KNOW_INGEST_IGNORE_EXTENSIONS].",
        metavar="LIST",
    ),
]
IncludeHiddenOption = Annotated[
    bool, typer.Option("--include-hidden", help="Include hidden files and folders.")
]
NoRecursiveOption = Annotated[bool, typer.Option("--no-recursive", help="Do not read subfolders.")]
MetadataOption = Annotated[
    list[str] | None,
    typer.Option("--metadata", help="Metadata to store with every file.", metavar="NAME=VALUE"),
]
ChunkSizeOption = Annotated[
    int | None,
    typer.Option(
        "--chunk-size",
        help="Maximum tokens in a chunk [KNOW_CHUNK_SIZE; default: 256].",
        metavar="N",
    ),
]
ChunkOverlapOption = Annotated[
    int | None,
    typer.Option(
        "--chunk-overlap",
        help="Tokens that adjacent chunks share [KNOW_CHUNK_OVERLAP; default: 40].",
        metavar="N",
    ),
]
ConcurrencyOption = Annotated[
    int | None,
    typer.Option(
        "--concurrency",
        help="Processes that read files [KNOW_INGEST_CONCURRENCY; default: one per core].",
        metavar="N",
    ),
]
FileTimeoutOption = Annotated[
    float | None,
    typer.Option(
        "--file-timeout",
        help="Time limit for reading one file, in seconds [KNOW_FILE_TIMEOUT; default: 120].",
        metavar="SECONDS",
    ),
]
FileMemoryOption = Annotated[
    int | None,
    typer.Option(
        "--file-memory",
        help="Memory limit for reading one file, in MiB [KNOW_FILE_MEMORY; default: 2048].",
        metavar="MIB",
    ),
]
ErrOnUnsupportedOption = Annotated[
    bool,
    typer.Option("--err-on-unsupported-file", help="Count unsupported files as failed."),
]
ProviderOption = Annotated[
    str | None,
    typer.Option(
        "--embedding-model-provider",
        help="Provider or provider:model [KNOW_EMBEDDING_MODEL_PROVIDER].",
        metavar="PROVIDER",
    ),
]
UpdateMetadataOption = Annotated[
    list[str] | None,
    typer.Option(
        "--update-metadata",
        help="Set a value; an empty value, - or null removes it.",
        metavar="NAME=VALUE",
    ),
]
ReplaceMetadataOption = Annotated[
    list[str] | None,
    typer.Option(
        "--replace-metadata", help="Set a value and remove all others.", metavar="NAME=VALUE"
    ),
]
ResetMetadataOption = Annotated[bool, typer.Option("--reset-metadata", help="Remove all metadata.")]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace existing datasets of the same name.")
]
ArchiveOption = Annotated[
    str | None,
    typer.Option(
        "--archive",
        help="Search an exported archive without importing it.",
        metavar="FILE",
    ),
]
FlowsFileOption = Annotated[
    str | None,
    typer.Option(
        "--flows-file",
        help="File of flows, or blueprint:NAME [KNOW_FLOWS_FILE; default: none].",
        metavar="FILE",
    ),
]
FlowOption = Annotated[
    str | None,
    typer.Option(
        "--flow",
        help="Flow of that file [KNOW_FLOW; default: the dataset's, else the default one].",
        metavar="NAME",
    ),
]
