"""What else is asked of datasets: an answer in words, what is like a file, chunks page by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from knowledge.requests.request import Request, like, one_dataset, option
from knowledge.requests.searching import MAX_TOP_K, PASSAGE_TOKENS, SearchRequest


@dataclass(frozen=True, slots=True)
class AskRequest(SearchRequest):
    """A question to an answer in words: ``ask``."""

    chat_model: str | None = option(metavar="MODEL", setting="chat_model")
    max_tokens: int | None = option(
        "Tokens of passages for the chat model.",
        default=PASSAGE_TOKENS,
        metavar="N",
        minimum=1,
        refines=True,
    )


@dataclass(frozen=True, slots=True)
class SimilarRequest(Request):
    """A file or a chunk to the passages most like it: ``similar``."""

    target: str = option(
        "A file's path or the end of it, or a chunk's id.",
        default="",
        kw_only=False,
        positional=True,
        metavar="FILE|CHUNK_ID",
    )
    dataset: str | None = one_dataset()
    top_k: int | None = like(SearchRequest, "top_k")
    threshold: float | None = like(SearchRequest, "threshold")
    keywords: Sequence[str] | None = like(SearchRequest, "keywords")
    where: Mapping[str, Any] | str | Sequence[str] | None = like(SearchRequest, "where")
    files: str | Sequence[str] = like(SearchRequest, "files")
    since: str | None = like(SearchRequest, "since")
    until: str | None = like(SearchRequest, "until")
    max_per_file: int | None = like(SearchRequest, "max_per_file")
    fold: bool = like(SearchRequest, "fold")

    def search(self) -> SearchRequest:
        """Return the search that this is, without its question: by vectors alone."""
        same = [name for name, _, _ in self.options() if name not in ("target", "dataset")]
        given = {name: getattr(self, name) for name in same}
        return SearchRequest(self.target, self.dataset, mode="dense", rerank="", **given)


@dataclass(frozen=True, slots=True)
class ChunksRequest(Request):
    """The chunks of a dataset, page by page, without a question: ``list-chunks``."""

    dataset: str | None = one_dataset()
    limit: int = option(
        "Maximum number of chunks.",
        "-n",
        "--limit",
        default=100,
        metavar="N",
        minimum=1,
        maximum=MAX_TOP_K,
    )
    offset: int = option("Leave out the first N chunks.", default=0, metavar="N", minimum=0)
    sort: str = option(
        "Order of their files: file, name, modified, ingested, size, or the name of metadata; "
        "-NAME is descending.",
        default="file",
        metavar="NAME",
    )
    keywords: Sequence[str] | None = like(
        SearchRequest,
        "keywords",
        help="A chunk must contain one of these; -WORD excludes chunks with WORD.",
        setting="",
        of_setting=None,
    )
    where: Mapping[str, Any] | str | Sequence[str] | None = like(SearchRequest, "where")
    files: str | Sequence[str] = like(SearchRequest, "files")
    since: str | None = like(SearchRequest, "since")
    until: str | None = like(SearchRequest, "until")

    def search(self) -> SearchRequest:
        """Return a search with the same filters; what it asks does not count."""
        return SearchRequest(
            "*",
            self.dataset,
            keywords=self.keywords or (),
            where=self.where,
            files=self.files,
            since=self.since,
            until=self.until,
        )
