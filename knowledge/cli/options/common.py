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
    typer.Option("-k", "--top-k", help="Most passages [KNOW_TOP_K; default: 10].", metavar="N"),
]
FullOption = Annotated[bool, typer.Option("--full", help="Show passages whole on a terminal too.")]
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
        help="Extensions to leave out, such as .log,.tmp [KNOW_INGEST_IGNORE_EXTENSIONS].",
        metavar="LIST",
    ),
]
IncludeHiddenOption = Annotated[
    bool, typer.Option("--include-hidden", help="Take hidden files and folders too.")
]
NoRecursiveOption = Annotated[bool, typer.Option("--no-recursive", help="Leave out sub-folders.")]
MetadataOption = Annotated[
    list[str] | None,
    typer.Option("--metadata", help="Metadata kept with every file.", metavar="NAME=VALUE"),
]
ChunkSizeOption = Annotated[
    int | None,
    typer.Option(
        "--chunk-size",
        help="Most tokens in a chunk [KNOW_CHUNK_SIZE; default: 256].",
        metavar="N",
    ),
]
ChunkOverlapOption = Annotated[
    int | None,
    typer.Option(
        "--chunk-overlap",
        help="Tokens that neighbours share [KNOW_CHUNK_OVERLAP; default: 40].",
        metavar="N",
    ),
]
ConcurrencyOption = Annotated[
    int | None,
    typer.Option(
        "--concurrency",
        help="Processes that read files [KNOW_INGEST_CONCURRENCY; default: one a core].",
        metavar="N",
    ),
]
FileTimeoutOption = Annotated[
    float | None,
    typer.Option(
        "--file-timeout",
        help="Seconds one file may take to be read [KNOW_FILE_TIMEOUT; default: 120].",
        metavar="SECONDS",
    ),
]
FileMemoryOption = Annotated[
    int | None,
    typer.Option(
        "--file-memory",
        help="Memory one file may take to be read, in MiB [KNOW_FILE_MEMORY; default: 2048].",
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
        help="Set this; an empty value, - or null removes it.",
        metavar="NAME=VALUE",
    ),
]
ReplaceMetadataOption = Annotated[
    list[str] | None,
    typer.Option("--replace-metadata", help="Set this and drop all else.", metavar="NAME=VALUE"),
]
ResetMetadataOption = Annotated[bool, typer.Option("--reset-metadata", help="Drop all metadata.")]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace datasets that have the name.")
]
ArchiveOption = Annotated[
    str | None,
    typer.Option(
        "--archive",
        help="Look into what `export` wrote, without importing it.",
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
