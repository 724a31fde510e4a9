"""Options of the commands that embed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

PANEL = "Embedding"

QueryInstructionOption = Annotated[
    str | None,
    typer.Option(
        "--query-instruction",
        help="Prefix of each question; '' or none disables it [KNOW_QUERY_INSTRUCTION; default: "
        "the model's own].",
        metavar="TEXT",
        rich_help_panel=PANEL,
    ),
]
DocumentInstructionOption = Annotated[
    str | None,
    typer.Option(
        "--document-instruction",
        help="Prefix of each chunk; '' or none disables it [KNOW_DOCUMENT_INSTRUCTION; default: "
        "the model's own].",
        metavar="TEXT",
        rich_help_panel=PANEL,
    ),
]
RpmOption = Annotated[
    int | None,
    typer.Option(
        "--rpm",
        help="Maximum embedding requests per minute [KNOW_EMBEDDING_RPM; default: no limit].",
        metavar="N",
        rich_help_panel=PANEL,
    ),
]
TpmOption = Annotated[
    int | None,
    typer.Option(
        "--tpm",
        help="Maximum tokens per minute to embed [KNOW_EMBEDDING_TPM; default: no limit].",
        metavar="N",
        rich_help_panel=PANEL,
    ),
]
NoCacheOption = Annotated[
    bool,
    typer.Option(
        "--no-cache",
        help="Neither use nor fill the embedding cache [KNOW_EMBEDDING_CACHE].",
        rich_help_panel=PANEL,
    ),
]


def embedding_flags(
    *,
    query_instruction: str | None = None,
    document_instruction: str | None = None,
    rpm: int | None = None,
    tpm: int | None = None,
    no_cache: bool = False,
) -> Mapping[str, Any]:
    """Return the settings that these options set."""
    return {
        "query_instruction": query_instruction,
        "document_instruction": document_instruction,
        "embedding_rpm": rpm,
        "embedding_tpm": tpm,
        "embedding_cache": False if no_cache else None,
    }
