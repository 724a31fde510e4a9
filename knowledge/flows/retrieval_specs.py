"""The steps of a retrieval, with their options."""

from __future__ import annotations

from knowledge.flows.ingestion_specs import MODEL, TRANSFORMERS
from knowledge.flows.options import Kind, Option
from knowledge.flows.step_spec import StepSpec

_BM25 = (
    Option("k1", Kind.NUMBER, 1.2, "How much a repeated word counts.", minimum=0),
    Option("b", Kind.NUMBER, 0.75, "How much a long passage loses.", minimum=0, maximum=1),
    Option(
        "cleanStopWords",
        Kind.TEXTS,
        (),
        "Languages whose little words are left out of the question, such as en; auto is those "
        "of the documents.",
    ),
)
_MODEL_OPTION = Option("model", Kind.MODEL, None, MODEL)
MODIFIERS = (
    StepSpec("spellcheck", "Correct the spelling.", (_MODEL_OPTION,), needs_model=True),
    StepSpec("enhance", "Word the question for the search.", (_MODEL_OPTION,), needs_model=True),
    StepSpec(
        "generic",
        "Make one question or several of it, as a prompt of yours says.",
        (
            _MODEL_OPTION,
            Option(
                "prompt",
                Kind.TEXT,
                "",
                "What the model is told; {{.query}} stands for the question.",
                required=True,
            ),
        ),
        needs_model=True,
    ),
)
_TOP_K = Option("topK", Kind.WHOLE, 10, "Most passages.", minimum=1, maximum=10_000)
_BASIC = (
    _TOP_K,
    Option(
        "mode",
        Kind.TEXT,
        "dense",
        "dense, keyword, hybrid or auto.",
        choices=("dense", "keyword", "hybrid", "auto"),
    ),
)
_TOP_N = Option("topN", Kind.WHOLE, 10, "Most passages.", minimum=1, maximum=10_000)
RETRIEVERS = (
    StepSpec("basic", "Search by cosine, or in another mode.", _BASIC),
    StepSpec("default", "The same as basic.", _BASIC),
    StepSpec("bm25", "Search by words: BM25 over all passages.", (_TOP_N, *_BM25)),
    StepSpec(
        "subquery",
        "Have a chat model take the question apart, and search for each part.",
        (
            _MODEL_OPTION,
            Option("limit", Kind.WHOLE, 3, "Most parts.", minimum=1, maximum=20),
            Option("topK", Kind.WHOLE, 3, "Most passages for each.", minimum=1, maximum=10_000),
        ),
        needs_model=True,
    ),
    StepSpec(
        "routing",
        "Have a chat model choose the dataset to search.",
        (
            _MODEL_OPTION,
            Option("availableDatasets", Kind.TEXTS, (), "What it may choose; default all."),
            _TOP_K,
        ),
        needs_model=True,
    ),
    StepSpec(
        "merge",
        "Ask several retrievers, and rank by the weighted sum of their scores.",
        (
            _TOP_K,
            Option(
                "retrievers",
                Kind.RETRIEVERS,
                (),
                "Each with name, weight (default 1) and options.",
                required=True,
            ),
        ),
    ),
)
_KEEP = Option("topN", Kind.WHOLE, 0, "Most passages that are kept; 0 is all.", minimum=0)
POSTPROCESSORS = (
    *TRANSFORMERS,
    StepSpec(
        "similarity",
        "Leave out passages whose score is below a threshold.",
        (
            Option("threshold", Kind.NUMBER, None, "Least score.", required=True),
            Option("keepMin", Kind.WHOLE, 0, "Keep so many, whatever their score.", minimum=0),
        ),
    ),
    StepSpec("reduce", "Keep the best passages.", (_TOP_K,)),
    StepSpec(
        "bm25",
        "Rank by BM25 among the passages found, beside the score they have.",
        (
            _KEEP,
            Option(
                "sparseWeight",
                Kind.NUMBER,
                0.0,
                "The share of BM25; the rest is that of the score.",
                minimum=0,
                maximum=1,
            ),
            *_BM25,
        ),
    ),
    StepSpec(
        "cohere_rerank",
        "Rank by a model of Cohere.",
        (
            Option("apiKey", Kind.SECRET, None, "Key; default COHERE_API_KEY."),
            Option("model", Kind.TEXT, "", "Model; default rerank's own for cohere."),
            _KEEP,
        ),
    ),
    StepSpec(
        "rerank",
        "Rank by any model that --rerank takes, such as cross-encoder.",
        (
            Option(
                "name", Kind.TEXT, "", "As --rerank takes it: NAME or NAME:MODEL.", required=True
            ),
            _KEEP,
        ),
    ),
    StepSpec(
        "content_substring_filter",
        "Keep passages that hold all of some texts, and none of others.",
        (
            Option("contains", Kind.TEXTS, (), "All of these, upper and lower case told apart."),
            Option("notContains", Kind.TEXTS, (), "None of these."),
        ),
    ),
    StepSpec(
        "content_filter",
        "Have a chat model answer a question about each passage, and filter by the answer.",
        (
            Option(
                "question", Kind.TEXT, "", "A question to be answered yes or no.", required=True
            ),
            Option("include", Kind.YES_NO, True, "Keep those with yes; false keeps the others."),
            Option("LLM", Kind.MODEL, None, MODEL),
        ),
        needs_model=True,
    ),
)
