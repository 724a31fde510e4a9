"""What a user asks for: one frozen dataclass for each verb, whatever the face.

    face (command line, Python, …)  ->  request  ->  KnowledgeBase  ->  result

A field is declared once: its type, its default, and with :func:`option` its help, its flag, its
bounds and the setting that decides where it is ``None``. The flags of a command, the arguments of
:class:`~knowledge.KnowledgeBase`'s methods and the checks all follow from that declaration.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Self

from knowledge.errors import UsageError
from knowledge.settings.pairs import listed, setting_pairs
from knowledge.settings.table import TABLE
from knowledge.text.wording import brief, did_you_mean, nearest

if TYPE_CHECKING:
    from knowledge.settings.reading import Settings

StrPath = str | os.PathLike[str]

MAX_TOP_K = 10_000
MAX_QUESTION = 2_000_000
"""Characters of a question: a long document as one takes seconds and some 200 MB."""
MODES = ("auto", "dense", "keyword", "hybrid")
FUSIONS = ("weighted", "rrf")
FALLBACKS = ("none", "keyword")
PASSAGE_TOKENS = 3_000
"""Tokens of passages that a chat model is given: small local ones read 4,096 in all."""

RANKING = "Ranking"
FILTERS = "Filters"
REFINING = "What is done with hits"
TAKING = "Which files"
READING = "Reading files"

_VARIABLES = {setting.name: setting.variables[0] for setting in TABLE}


@dataclass(frozen=True, slots=True)
class Option:
    """What is declared of a field besides its type and its default.

    Parameters
    ----------
    help:
        One sentence for the command line.
    flags:
        Its spellings there; empty is ``--`` and the field's name, ``None`` is no flag.
    metavar:
        What stands for its value in the help.
    panel:
        The heading it stands below in the help.
    setting:
        The setting that decides where the field is ``None``.
    of_setting:
        (setting's value) -> field's value, where they differ.
    off:
        The flag means false.
    positional, optional:
        It is an argument of the command, not a flag; one that may be left out.
    minimum, maximum, choices:
        What a value must be.
    refines:
        It is about hits that were found, not about finding them.
    """

    help: str
    flags: tuple[str, ...] | None = ()
    metavar: str | None = None
    panel: str | None = None
    setting: str = ""
    of_setting: Callable[[Any], Any] | None = None
    off: bool = False
    positional: bool = False
    optional: bool = False
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    refines: bool = False

    def check(self, name: str, value: object) -> None:
        """Raise :class:`UsageError` for a value that does not fit; it names the field."""
        wrong = self._wrong(value)
        if wrong:
            also = f"{_VARIABLES[self.setting]} sets it too." if self.setting else ""
            hint = " ".join(filter(None, (did_you_mean(str(value), self.choices), also)))
            raise UsageError(f"`{name}` must be {wrong}", hint=hint or None)

    def _wrong(self, value: object) -> str:
        if self.choices:
            listed = ", ".join(self.choices)
            return "" if value in self.choices else f"one of {listed}, not {brief(value)}"
        if self.minimum is None:
            return ""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"a number, not {brief(value)}"
        if self.maximum is None:
            return "" if value >= self.minimum else f"at least {self.minimum:g}, not {value:g}"
        if self.minimum <= value <= self.maximum:
            return ""
        return f"from {self.minimum:g} to {self.maximum:g}, not {value:g}"


def option(help: str, *flags: str, default: Any = None, kw_only: bool = True, **more: Any) -> Any:
    """Declare a field; ``more`` are fields of :class:`Option`."""
    metadata = {"option": Option(help, flags, **more)}
    return field(default=default, metadata=metadata, kw_only=kw_only)


def without_flag(default: Any = None, *, help: str = "", **more: Any) -> Any:
    """Declare a field that the command line sets in a way of its own, or not at all."""
    return field(default=default, metadata={"option": Option(help, None, **more)}, kw_only=True)


class Request:
    """What all requests can do; their fields are the request."""

    __slots__ = ()

    @classmethod
    def options(cls) -> Iterator[tuple[str, Any, Option]]:
        """Yield each declared field: its name, its default, and what is declared of it."""
        for one in fields(cls):  # type: ignore[arg-type]
            if "option" in one.metadata:
                yield one.name, one.default, one.metadata["option"]

    @classmethod
    def of(cls, first: Any, arguments: Mapping[str, Any]) -> Self:
        """Return the request that a method's arguments make.

        Parameters
        ----------
        first:
            The first argument: a value of the first field, or a request, in which the other
            arguments replace what it says.
        arguments:
            All arguments by name; what is no field is passed over.
        """
        defaults = {name: default for name, default, _ in cls.options()}
        names = list(defaults)
        given = {
            name: arguments[name]
            for name in names[1:]
            if name in arguments and arguments[name] != defaults[name]
        }
        if isinstance(first, Request):
            if not isinstance(first, cls):
                wanted = cls.__name__
                raise UsageError(f"this takes a {wanted}, not a {type(first).__name__}")
            return replace(first, **given) if given else first  # type: ignore[type-var]
        return cls(**{names[0]: first, **given})

    def resolved(self, settings: Settings) -> Self:
        """Return the request with what is ``None`` taken from the settings, and checked.

        Raises
        ------
        UsageError
            A value does not fit; the message names the field.
        """
        found = {}
        for name, _, declared in self.options():
            if declared.setting and getattr(self, name) is None:
                value = settings[declared.setting]
                found[name] = declared.of_setting(value) if declared.of_setting else value
        filled = replace(self, **found)  # type: ignore[type-var]
        filled.check()
        return filled

    def check(self) -> None:
        """Raise :class:`UsageError` for a field that does not fit; ``None`` always does."""
        for name, _, declared in self.options():
            value = getattr(self, name)
            if value is not None:
                declared.check(name, value)

    def is_set(self, name: str, settings: Settings) -> bool:
        """Tell whether the user decides a field: in the request, or by its setting."""
        declared = next(one for field_, _, one in self.options() if field_ == name)
        if getattr(self, name) is not None:
            return True
        return bool(declared.setting) and settings.is_set(declared.setting)


def like(request: type[Request], name: str, **other: Any) -> Any:
    """Declare a field as another request has it; ``other`` are what differs of its option."""
    one = next(one for one in fields(request) if one.name == name)  # type: ignore[arg-type]
    declared = replace(one.metadata["option"], **other)
    return field(default=one.default, metadata={"option": declared}, kw_only=one.kw_only)


def check_known(given: Sequence[str], known: Sequence[str], what: str) -> None:
    """Raise :class:`UsageError` for a name that is none, with the one that was perhaps meant."""
    for name in given:
        if name not in known:
            raise UsageError(f"there is no {what} {brief(name)}", hint=nearest(name, known))


def check_question(text: str, where: str = "the query") -> None:
    """Check a question.

    Raises
    ------
    UsageError
        It is empty, or longer than `MAX_QUESTION`; ``where`` names it.
    """
    if not text.strip():
        raise UsageError(f"{where} is empty")
    if len(text) > MAX_QUESTION:
        raise UsageError(
            f"{where} has more than {MAX_QUESTION:,} characters, the limit of a question",
            hint="Ask for what matters in it; `knowledge ingest` takes long texts.",
        )


@dataclass(frozen=True, slots=True)
class SearchRequest(Request):
    """A question to passages: ``retrieve``.

    What is ``None`` comes from the settings. To add a step that works on hits, add its field here
    with ``refines=True``: it is a flag and an argument of every verb that retrieves by that.
    """

    query: str = option(
        "The question; - reads stdin.",
        default="",
        kw_only=False,
        positional=True,
        optional=True,
        metavar="QUERY",
    )
    datasets: str | Sequence[str] | None = option(
        "Dataset; may be repeated [KNOW_DATASET; default: default].",
        "-d",
        "--dataset",
        kw_only=False,
        metavar="NAME",
        setting="dataset",
    )
    top_k: int | None = option(
        "Maximum number of passages [KNOW_TOP_K; default: 10].",
        "-k",
        "--top-k",
        kw_only=False,
        metavar="N",
        setting="top_k",
        minimum=1,
        maximum=MAX_TOP_K,
    )
    queries: str | Sequence[str] = option(
        "Another question; passages near the mean of all are found.",
        "--query",
        default=(),
        metavar="QUERY",
    )
    offset: int = option(
        "Leave out the first N passages.", default=0, metavar="N", minimum=0, maximum=MAX_TOP_K
    )
    mode: str | None = option(
        "dense, keyword, hybrid or auto [KNOW_RETRIEVE_MODE; default: auto].",
        metavar="MODE",
        panel=RANKING,
        setting="retrieve_mode",
        choices=MODES,
    )
    weight: float | None = option(
        "Share of dense search in hybrid, 0 to 1 [KNOW_RETRIEVE_WEIGHT; default: 0.35].",
        metavar="SHARE",
        panel=RANKING,
        setting="retrieve_weight",
        minimum=0,
        maximum=1,
    )
    file_weight: float | None = option(
        "Weight of the whole file in hybrid's keyword score, 0 to 1 "
        "[KNOW_RETRIEVE_FILE_WEIGHT; default: 0.25].",
        metavar="WEIGHT",
        panel=RANKING,
        setting="retrieve_file_weight",
        minimum=0,
        maximum=1,
    )
    sparse_weight: float | None = option(
        "Weight of a dataset's sparse model in hybrid, beside 1 for the other sides together "
        "[KNOW_RETRIEVE_SPARSE_WEIGHT; default: 0.5].",
        metavar="WEIGHT",
        panel=RANKING,
        setting="retrieve_sparse_weight",
        minimum=0,
        maximum=10,
    )
    fusion: str | None = option(
        "weighted or rrf [KNOW_RETRIEVE_FUSION; default: weighted].",
        metavar="FUSION",
        panel=RANKING,
        setting="retrieve_fusion",
        choices=FUSIONS,
    )
    candidates: int | None = option(
        "Passages that --rerank, --mmr and the like choose from "
        "[KNOW_RETRIEVE_CANDIDATES; default: 50, at least -k].",
        metavar="N",
        panel=RANKING,
        setting="retrieve_candidates",
        of_setting=lambda value: value or None,
        minimum=1,
        maximum=MAX_TOP_K,
    )
    fallback: str | None = option(
        "none, or keyword: what --mode auto does when the embedding provider fails "
        "[KNOW_FALLBACK; default: none].",
        metavar="MODE",
        panel=RANKING,
        setting="fallback",
        choices=FALLBACKS,
    )
    threshold: float | None = option(
        "Minimum cosine similarity, -1 to 1.",
        metavar="COSINE",
        panel=FILTERS,
        minimum=-1,
        maximum=1,
    )
    min_relevance: float | None = option(
        "Minimum relevance, 0 to 1, as text output shows it [KNOW_MIN_RELEVANCE; default: 0].",
        metavar="RELEVANCE",
        panel=FILTERS,
        setting="min_relevance",
        minimum=0,
        maximum=1,
    )
    keywords: Sequence[str] | None = option(
        "A passage must contain one of these; -WORD excludes passages with WORD "
        "[KNOW_RETRIEVE_KEYWORDS].",
        "-w",
        "--keyword",
        metavar="WORD",
        panel=FILTERS,
        setting="retrieve_keywords",
        of_setting=listed,
    )
    where: Mapping[str, Any] | str | Sequence[str] | None = option(
        "Condition on metadata, such as 'year >= 2020 and team = support'.",
        metavar="CONDITION",
        panel=FILTERS,
    )
    files: str | Sequence[str] = option(
        "Path or name of the file, or a folder above it; one must match.",
        "--file",
        default=(),
        metavar="GLOB",
        panel=FILTERS,
    )
    since: str | None = option(
        "Only files modified since, such as 2024-05-31 or 7d.",
        metavar="WHEN",
        panel=FILTERS,
    )
    until: str | None = option(
        "Only files modified until, such as 2024-05-31 or 7d.",
        metavar="WHEN",
        panel=FILTERS,
    )
    rerank: str | None = option(
        "Rerank the candidates: bm25, minilm, cohere, jina, voyage, cross-encoder, each optionally "
        "with :MODEL, or a server's address [KNOW_RERANK].",
        metavar="NAME",
        panel=REFINING,
        setting="rerank",
        refines=True,
    )
    rerank_depth: int | None = option(
        "How many of the best hits are reranked; default all candidates, 20 with minilm "
        "[KNOW_RERANK_DEPTH].",
        metavar="N",
        panel=REFINING,
        setting="rerank_depth",
        minimum=0,
        maximum=MAX_TOP_K,
    )
    mmr: float | None = option(
        "Diversify hits (MMR): 1 is relevance only, 0 novelty only.",
        metavar="LAMBDA",
        panel=REFINING,
        minimum=0,
        maximum=1,
        refines=True,
    )
    max_per_file: int | None = option(
        "Maximum hits from one file.", metavar="N", panel=REFINING, minimum=1, refines=True
    )
    fold: bool = option(
        "Show near duplicates as separate hits.",
        "--no-fold",
        default=True,
        panel=REFINING,
        off=True,
        refines=True,
    )
    context: int = option(
        "Show N chunks before and after each hit.",
        default=0,
        metavar="N",
        panel=REFINING,
        minimum=0,
        refines=True,
    )
    merge: bool = option(
        "Join adjacent hits into one passage.", default=False, panel=REFINING, refines=True
    )
    max_tokens: int | None = option(
        "Maximum tokens of all passages together.",
        metavar="N",
        panel=REFINING,
        minimum=1,
        refines=True,
    )

    @property
    def questions(self) -> tuple[str, ...]:
        """All questions that are asked at once."""
        more = (self.queries,) if isinstance(self.queries, str) else tuple(self.queries)
        return (self.query, *more) if self.query or not more else more

    @property
    def dataset_names(self) -> tuple[str, ...]:
        """The datasets that are named, be it one or several."""
        return (self.datasets,) if isinstance(self.datasets, str) else tuple(self.datasets or ())


@dataclass(frozen=True, slots=True)
class AskRequest(SearchRequest):
    """A question to an answer in words: ``ask``."""

    chat_model: str | None = option(
        "Chat model [KNOW_CHAT_MODEL, OPENAI_MODEL].", metavar="MODEL", setting="chat_model"
    )
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
    dataset: str | None = option(
        "Dataset [KNOW_DATASET; default: default].",
        "-d",
        "--dataset",
        kw_only=False,
        metavar="NAME",
        setting="dataset",
    )
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

    dataset: str | None = like(SimilarRequest, "dataset")
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
