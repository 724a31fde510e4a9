"""What the fields of an archive may hold: types, ranges, and what must fit each other.

Whoever wrote an archive, a value that the catalog, the index or a command could not take does not
come in. Sizes and counts are bounded so that sums of them stay in SQLite's 64 bits.
"""

from __future__ import annotations

import reprlib
from datetime import datetime
from math import isfinite
from typing import Annotated, Any, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from knowledge.errors import DamagedArchiveError, UsageError
from knowledge.model import PageUnit
from knowledge.storage.dataset_names import check_name

_DEEPEST = 32
"""Levels of metadata inside metadata."""
_INT64 = 2**63


def _text(value: str) -> str:
    if "\0" in value:
        raise ValueError("it holds a NUL character")
    return value


def _full_text(value: str) -> str:
    if not value.strip():
        raise ValueError("it is empty")
    return _text(value)


def _name(value: str) -> str:
    try:
        return check_name(value)
    except UsageError as error:
        raise ValueError(error.message) from error


def _moment(value: str) -> str:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("it lacks its time zone")
    if not 1 < moment.year < 9999:  # in another zone it may lie outside of the calendar
        raise ValueError("it lies outside of the calendar")
    return value


def _metadata(value: dict[str, Any]) -> dict[str, Any]:
    for key, inner in value.items():
        _text(key)
        if told := _fault(inner, _DEEPEST):
            raise ValueError(f"{key}: it {told}")
    return value


def _fault(value: Any, depth: int) -> str:
    """Return why a value of JSON can't be metadata; empty when it can."""
    if not depth:
        return "is nested too deep"
    if isinstance(value, dict | list):
        inner = [*value, *value.values()] if isinstance(value, dict) else value
        return next(filter(None, (_fault(one, depth - 1) for one in inner)), "")
    if isinstance(value, str):
        return "holds a NUL character" if "\0" in value else ""
    if isinstance(value, float):
        return "" if isfinite(value) else "is not a finite number"
    if isinstance(value, int):
        return "" if -_INT64 <= value < _INT64 else "has more than 64 bits"
    return ""


def _remembered(value: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(value.get("flags", {}), dict):
        raise ValueError("flags is not an object")  # noqa: TRY004  pydantic takes no TypeError
    for name in ("etag", "last_modified"):  # they are sent as headers
        told = value.get(name, "")
        if not isinstance(told, str) or not told.isprintable():
            raise ValueError(f"{name} is not a header")
    return _metadata(value)


Text = Annotated[str, AfterValidator(_text)]
FullText = Annotated[str, AfterValidator(_full_text)]
Moment = Annotated[str, AfterValidator(_moment)]
Metadata = Annotated[dict[str, Any], AfterValidator(_metadata)]
Id = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, le=2**31)]
Position = Annotated[int, Field(ge=0, le=2**40)]
Bytes = Annotated[int, Field(ge=0, le=2**44)]


class _Record(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class HeadRecord(_Record):
    """The part of a manifest that each version has."""

    format: str
    version: int


class MemberRecord(_Record):
    """A member of the archive."""

    path: Annotated[
        str,
        Field(
            pattern=r"^datasets/[0-9]{4,9}/(files\.jsonl|chunks\.jsonl|vectors\.f32|sparse\.bin)$"
        ),
    ]
    size: Bytes
    sha256: Sha256


class EmbedderRecord(_Record):
    """The model of a dataset's vectors."""

    provider: FullText
    model: FullText
    dimensions: Annotated[int, Field(ge=1, le=2**17)]
    options: Metadata


class SparseRecord(_Record):
    """The sparse model of a dataset."""

    provider: FullText
    model: FullText
    dimensions: None = None
    options: Metadata


class SplitterRecord(_Record):
    """How a dataset's documents were cut."""

    chunk_size: Annotated[int, Field(ge=1, le=2**31)]
    chunk_overlap: Count
    tokenizer: Text = "gpt-4"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.chunk_overlap >= self.chunk_size:
            raise ValueError("chunk_overlap is not less than chunk_size")
        return self


class DatasetRecord(_Record):
    """What a manifest says of a dataset."""

    name: Annotated[str, AfterValidator(_name)]
    generation: Count
    files: Count
    chunks: Count
    embedding: EmbedderRecord | None
    splitter: SplitterRecord | None
    metadata: Metadata
    created_at: Moment
    updated_at: Moment
    members: Annotated[tuple[MemberRecord, ...], Field(min_length=3, max_length=4)]
    sparse: SparseRecord | None = None

    @property
    def _parts(self) -> set[str]:
        parts = {"files.jsonl", "chunks.jsonl", "vectors.f32"}
        return parts if self.sparse is None else parts | {"sparse.bin"}

    @model_validator(mode="after")
    def _fits(self) -> Self:
        paths = [member.path for member in self.members]
        if len(set(paths)) != len(paths) or len({p.rpartition("/")[0] for p in paths}) != 1:
            raise ValueError("members are not files, chunks and vectors")
        if {path.rpartition("/")[2] for path in paths} != self._parts:
            raise ValueError("members are not those that a dataset like this has")
        if (self.embedding is None) != (self.splitter is None):
            raise ValueError("there is only one of embedding and splitter")
        if self.embedding is None and (self.files or self.chunks):
            raise ValueError("there are files, and embedding is null")
        dimensions = self.embedding.dimensions if self.embedding else 0
        sizes = {member.path.rpartition("/")[2]: member.size for member in self.members}
        if sizes["vectors.f32"] != self.chunks * dimensions * 4:
            raise ValueError("the size of the vectors does not fit chunks and dimensions")
        return self


class ManifestRecord(_Record):
    """The manifest."""

    datasets: tuple[DatasetRecord, ...]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        names = [dataset.name for dataset in self.datasets]
        if len(set(names)) != len(names):
            raise ValueError("datasets: a name is there twice")
        paths = [member.path for dataset in self.datasets for member in dataset.members]
        if len(set(paths)) != len(paths):
            raise ValueError("members: a path is there twice")
        return self


class FileRecord(_Record):
    """A line of ``files.jsonl``."""

    id: Id
    path: FullText
    name: Text
    size: Annotated[int, Field(ge=-1, le=2**44)]
    """-1 of a file that is to be read again."""
    mtime_ns: Annotated[int, Field(ge=-_INT64, lt=_INT64)]
    content_hash: Annotated[str, Field(pattern="^([0-9a-f]{64})?$")]
    chunks: Count
    tokens: Bytes
    metadata: Metadata
    given: Metadata
    remembered: Annotated[dict[str, Any], AfterValidator(_remembered)]
    ingested_at: Moment


class ChunkRecord(_Record):
    """A line of ``chunks.jsonl``."""

    id: Id
    file_id: Id
    ordinal: Count
    text: FullText
    char_start: Position
    char_end: Position
    line_start: Position | None
    line_end: Position | None
    page_start: Position | None
    page_end: Position | None
    tokens: Count
    page_name: Text
    member: Text
    anchor: Text = ""
    heading: tuple[Text, ...]
    page_unit: PageUnit
    metadata: Metadata
    lead: Count | None = None
    row_start: Position | None = None
    row_end: Position | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for span in ("char", "line", "page", "row"):
            start, end = getattr(self, f"{span}_start"), getattr(self, f"{span}_end")
            if end is not None and (start is None or end < start):
                raise ValueError(f"{span}_end {end} does not fit {span}_start {start}")
        return self


Record = TypeVar("Record", bound=_Record)


def parse(record: type[Record], data: bytes, place: str) -> Record:
    """Read a record from JSON.

    Parameters
    ----------
    place:
        Where it stands, for the error: archive, member and line.

    Raises
    ------
    DamagedArchiveError
        It is no JSON, or a field is not what it must be; the message names the first.
    """
    try:
        return record.model_validate_json(data)
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        field = ".".join(map(str, wrong["loc"]))
        told = wrong["msg"].removeprefix("Value error, ")
        told = told[:1].lower() + told[1:]
        found = f", not {reprlib.repr(wrong['input'])}" if _is_short(wrong) else ""
        raise DamagedArchiveError(": ".join(filter(None, (place, field, told))) + found) from error


def _is_short(wrong: Any) -> bool:
    """Tell whether what was found instead says something."""
    return isinstance(wrong["input"], str | int | float | None) and bool(wrong["loc"])
