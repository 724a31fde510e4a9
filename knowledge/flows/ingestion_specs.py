"""The steps of an ingest, with their options."""

from __future__ import annotations

from knowledge.flows.options import Kind, Option
from knowledge.flows.step_spec import StepSpec

MODEL = "The chat model; default that of the settings."
_PASSWORD = Option("Password", Kind.SECRET, help="Password of protected files.")
_PAGES = (
    Option("StartPage", Kind.WHOLE, 1, "First page that is read.", minimum=1),
    Option("MaxPages", Kind.WHOLE, 0, "Most pages that are read; 0 is all.", minimum=0),
    Option("Source", Kind.TEXT, "", "Kept as the metadata source."),
)
SPLITTER_OPTIONS = (
    Option("chunkSize", Kind.WHOLE, None, "Most tokens in a chunk.", minimum=1),
    Option("chunkOverlap", Kind.WHOLE, None, "Tokens that neighbours share.", minimum=0),
    Option("modelName", Kind.TEXT, "", "OpenAI model whose tokens count, such as gpt-4o."),
    Option("encodingName", Kind.TEXT, "", "Encoding whose tokens count; wins over modelName."),
)
_MANIPULATIONS = Option(
    "manipulations",
    Kind.CHANGES,
    (),
    "Changes in order, each with operator (add, upsert or remove), key and value.",
    required=True,
)
_EXTRA = Option("metadata", Kind.VALUES, {}, "What is added; it replaces what is there.")
_KEYWORDS = (
    Option("NumKeywords", Kind.WHOLE, 5, "Most keywords.", minimum=1, maximum=100),
    Option("LLM", Kind.MODEL, None, MODEL),
)

LOADERS = (
    StepSpec("plaintext", "Read the file as plain text, whatever it is."),
    StepSpec("markdown", "Read the file as Markdown."),
    StepSpec("html", "Read the file as a web page."),
    StepSpec("document", "Read DOCX, ODT, RTF or DOC."),
    StepSpec("structured", 'Read JSON of the form {"metadata": {}, "documents": [...]}.'),
    StepSpec(
        "mupdf",
        "Read PDF by PDFium (kreuzberg), page by page.",
        (
            _PASSWORD,
            *_PAGES,
            Option("NumThread", Kind.WHOLE, help="-", without_effect="pages are read in one go"),
        ),
    ),
    *(
        StepSpec(
            name,
            "Read PDF by pypdf, page by page.",
            (
                _PASSWORD,
                *_PAGES,
                Option(
                    "InterpreterConfig",
                    Kind.VALUES,
                    help="-",
                    without_effect="the reader tolerates malformed definitions anyway",
                ),
            ),
        )
        for name in ("pdf", "gopdf")
    ),
    StepSpec(
        "ocr_openai",
        "Have a chat model that sees images read each page of PDF and image files.",
        (
            Option("Prompt", Kind.TEXT, "", "What the model is told; default a text of ours."),
            Option("MaxTokens", Kind.WHOLE, 300, "Most tokens of a page's text.", minimum=1),
            Option("Concurrency", Kind.WHOLE, 3, "Pages asked for at once.", minimum=1),
            Option("Model", Kind.MODEL, None, "The chat model; default that of the settings."),
            Option("apiKey", Kind.SECRET, None, "Key for it."),
            Option("baseURL", Kind.TEXT, "", "Its server."),
            Option("apiType", Kind.TEXT, "", "OPEN_AI, AZURE or AZURE_AD."),
            Option("apiVersion", Kind.TEXT, "", "Azure's API version."),
        ),
        needs_model=True,
    ),
    StepSpec(
        "csv",
        "Read delimited text, one record a line.",
        (
            Option("Separator", Kind.CHARACTER, "", "Sign between fields; default what it has."),
            Option(
                "LazyQuotes",
                Kind.YES_NO,
                True,
                "Take a lone quote as it stands.",
                without_effect="lone quotes are always taken as they stand",
            ),
            Option("Columns", Kind.TEXTS, (), "Columns that are kept, in this order."),
        ),
    ),
    StepSpec(
        "notebook",
        "Read a Jupyter notebook.",
        (
            Option("IncludeOutputs", Kind.YES_NO, False, "Take the outputs of code."),
            Option("Traceback", Kind.YES_NO, False, "Take an error's traceback."),
            Option(
                "MaxOutputLength",
                Kind.WHOLE,
                10,
                "Most characters of an output; 0 is no limit.",
                minimum=0,
            ),
        ),
    ),
)
SPLITTERS = (
    StepSpec("text", "Cut at blank lines, lines and sentences.", SPLITTER_OPTIONS),
    StepSpec("markdown", "Cut at headings, blocks and sentences.", SPLITTER_OPTIONS),
)
TRANSFORMERS = (
    StepSpec("extra_metadata", "Add metadata.", (_EXTRA,)),
    StepSpec("metadata", "Add, replace or remove metadata.", (_MANIPULATIONS,)),
    StepSpec(
        "filter_markdown_docs_no_content", "Leave out passages that hold nothing but headings."
    ),
    StepSpec(
        "keywords",
        "Have a chat model find keywords, kept as the metadata keywords.",
        _KEYWORDS,
        needs_model=True,
    ),
)
