"""Imported where reading processes are forked from: what each of them needs for its first text.

The tokenizer alone takes as long to load as twenty files take to read, and 23 MB, which readers
share this way. Nothing here may start a thread: forked processes would hang.
"""

from __future__ import annotations

from knowledge.documents.loaders.text import markdown  # noqa: F401
from knowledge.documents.splitting import splitting  # noqa: F401
from knowledge.text.tokens import TOKENIZER_MODEL, knows_tokenizer

knows_tokenizer(TOKENIZER_MODEL)
