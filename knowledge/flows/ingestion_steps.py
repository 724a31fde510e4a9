"""The steps of an ingest: document loaders, text splitters and transformers, with their options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, ValidationInfo, model_validator
from pydantic.alias_generators import to_pascal

from knowledge.documents.options import NotebookOptions, RowOptions
from knowledge.documents.recipes import Reading
from knowledge.flows.schema import (
    Character,
    ChatModelOption,
    FlowModel,
    ModelChoice,
    SecretText,
    Step,
    Texts,
    Values,
    Whole,
    problem,
    unused,
)
from knowledge.text.tokens import ENCODINGS, knows_tokenizer
from knowledge.text.wording import nearest

# Document loaders


class Loader(Step, kind="document loader"):
    """How the bytes of a file are read."""

    model_config = ConfigDict(alias_generator=to_pascal)
    format: ClassVar[str] = ""
    """The format that the file is taken for; empty is what it is."""
    only: ClassVar[tuple[str, ...]] = ()
    """The formats that it may be; empty is any."""

    def reading(self) -> Reading:
        """Return the loader with its options as the ingest takes it."""
        return Reading(self.name, format=self.format, only=self.only, **self._details())

    def _details(self) -> dict[str, Any]:
        return {}


class PlainText(Loader, name="plaintext"):
    """Read the file as plain text, whatever it is."""

    format = "text"


class Markdown(Loader, name="markdown"):
    """Read the file as Markdown."""

    format = "markdown"


class Html(Loader, name="html"):
    """Read the file as a web page."""

    format = "html"


class Structured(Loader, name="structured"):
    """Read JSON of the form ``{"metadata": {}, "documents": [...]}``."""

    format = "structured"


class WordDocument(Loader, name="document"):
    """Read DOCX, ODT, RTF or DOC."""

    only = ("docx", "odt", "rtf", "doc")


class _Pdf(Loader):
    """PDF, page by page."""

    format = "pdf"
    only = ("pdf",)
    engine: ClassVar[str]
    password: SecretText | None = Field(None, description="Password of protected files.")
    start_page: Whole = Field(1, ge=1, description="First page that is read.")
    max_pages: Whole = Field(0, ge=0, description="Most pages that are read; 0 is all.")
    source: str = Field("", description="Kept as the metadata source.")

    def _details(self) -> dict[str, Any]:
        return {
            "engine": self.engine,
            "passwords": (self.password.value,) if self.password else (),
            "pages": (self.start_page, self.max_pages),
            "source": self.source,
        }


class MuPdf(_Pdf, name="mupdf"):
    """Read PDF by PDFium, page by page."""

    engine = "pdfium"
    num_thread: Whole | None = unused("pages are read in one go")


class Pdf(_Pdf, name="pdf"):
    """Read PDF by pypdf, page by page."""

    engine = "pypdf"
    interpreter_config: Values | None = unused("the reader tolerates malformed definitions anyway")


class GoPdf(Pdf, name="gopdf"):
    """The same as pdf."""


class OcrOpenAI(Loader, name="ocr_openai"):
    """Have a chat model that sees images read each page of PDF and image files."""

    needs_model = True
    synonyms: ClassVar[Mapping[str, str]] = {"apibase": "baseurl"}
    only = ("pdf", "image")
    prompt: str = Field("", description="The instruction; default a text of ours.")
    max_tokens: Whole = Field(300, ge=1, description="Most tokens of a page's text.")
    concurrency: Whole = Field(3, ge=1, description="Pages asked for at once.")
    model: ChatModelOption = None
    api_key: SecretText | None = Field(None, alias="apiKey", description="Key for it.")
    base_url: str = Field("", alias="baseURL", description="Its server.")
    api_type: str = Field("", alias="apiType", description="OPEN_AI, AZURE or AZURE_AD.")
    api_version: str = Field("", alias="apiVersion", description="Azure's API version.")

    @property
    def choice(self) -> ModelChoice:
        """The model, whose options may stand beside it."""
        names = ("api_key", "base_url", "api_type", "api_version")
        beside = {name: value for name in names if (value := getattr(self, name))}
        return (self.model or ModelChoice()).model_copy(update=beside)

    def _details(self) -> dict[str, Any]:
        return {"as_images": True}


class Csv(Loader, name="csv"):
    """Read delimited text, one record a line."""

    format = "rows"
    separator: Character = Field("", description="Sign between fields; default what it has.")
    lazy_quotes: bool | None = unused("lone quotes are always taken as they stand")
    columns: Texts = Field((), description="Columns that are kept, in this order.")

    def _details(self) -> dict[str, Any]:
        return {"rows": RowOptions(self.separator, self.columns)}


class Notebook(Loader, name="notebook"):
    """Read a Jupyter notebook."""

    format = "notebook"
    include_outputs: bool = Field(False, description="Take the outputs of code.")
    traceback: bool = Field(False, description="Take an error's traceback.")
    max_output_length: Whole = Field(
        10, ge=0, description="Most characters of an output; 0 is no limit."
    )

    def _details(self) -> dict[str, Any]:
        options = NotebookOptions(self.include_outputs, self.traceback, self.max_output_length)
        return {"notebook": options}


# Text splitters


class Splitting(FlowModel):
    """Options of all splitters."""

    what = "globals.ingestion.textsplitter"
    chunk_size: Whole | None = Field(None, ge=1, description="Most tokens in a chunk.")
    chunk_overlap: Whole | None = Field(None, ge=0, description="Tokens that neighbours share.")
    model_name: str = Field("", description="OpenAI model whose tokens count, such as gpt-4o.")
    encoding_name: str = Field("", description="Encoding whose tokens count; wins over modelName.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        encoding, model = self.encoding_name, self.model_name
        if encoding and encoding not in ENCODINGS:
            hint = nearest(encoding, ENCODINGS)
            raise problem(f"there is no encoding {encoding!r}", hint, at=("encodingName",))
        if model and not encoding and not knows_tokenizer(model):
            hint = f"Give encodingName instead: {', '.join(ENCODINGS)}."
            said = f"the tokens of the model {model!r} cannot be counted"
            raise problem(said, hint, at=("modelName",))
        check_overlap(self.given())
        return self


def check_overlap(options: Mapping[str, Any]) -> None:
    """Raise a `ValidationError` where neighbours share as much as a chunk holds."""
    size, overlap = options.get("chunkSize"), options.get("chunkOverlap")
    if size is not None and overlap is not None and overlap >= size:
        raise problem(f"chunkOverlap ({overlap}) must be less than chunkSize ({size})")


class Splitter(Step, Splitting, kind="text splitter"):
    """How a file's text is cut, whatever kind of text it is."""


class TextSplitter(Splitter, name="text"):
    """Cut at blank lines, lines and sentences."""


class MarkdownSplitter(Splitter, name="markdown"):
    """Cut at headings, blocks and sentences."""


# Transformers


class Change(FlowModel):
    """One change of metadata."""

    what = "the change"
    operator: Literal["add", "upsert", "remove"]
    key: str = Field(min_length=1)
    value: Any = None

    @classmethod
    def prepared(cls, given: Any, info: ValidationInfo) -> Any:
        """Return it with its operator in lower case."""
        ready = super().prepared(given, info)
        if isinstance(ready, Mapping) and "operator" in ready:
            return {**ready, "operator": str(ready["operator"]).lower()}
        return ready

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.operator != "remove" and not isinstance(self.value, str | int | float | list):
            raise problem(f"{self.operator} needs a value: a text, a number, true or false")
        return self


Changes = Annotated[
    tuple[Change, ...],
    Field(
        min_length=1,
        description="Changes in order, each with operator (add, upsert or remove), key and value.",
    ),
]


class Transformer(Step, kind="transformer"):
    """What is done with the passages of a file."""


class ExtraMetadata(Transformer, name="extra_metadata"):
    """Add metadata."""

    metadata: Values = Field({}, description="What is added; it replaces what is there.")


class Metadata(Transformer, name="metadata"):
    """Add, replace or remove metadata."""

    manipulations: Changes


class WithContent(Transformer, name="filter_markdown_docs_no_content"):
    """Leave out passages that hold nothing but headings."""


class Keywords(Transformer, name="keywords"):
    """Have a chat model find keywords, kept as the metadata keywords."""

    needs_model = True
    most: Whole = Field(5, ge=1, le=100, alias="NumKeywords", description="Most keywords.")
    model: ChatModelOption = Field(None, alias="LLM")
