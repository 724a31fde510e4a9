"""Where chunks stand in the text that they are joined to."""

from __future__ import annotations

import pytest

from knowledge.documents.loading import load
from knowledge.documents.splitting.splitting import split
from knowledge.model import Chunk, SplitterSpec
from knowledge.retrieval.refine.windows import join, join_with_places


@pytest.mark.parametrize("overlap", [0, 20])
@pytest.mark.parametrize(
    "name", ["product-handbook.md", "telemetry.py", "safety-data.pdf", "price-list.csv"]
)
def test_each_chunk_stands_at_its_place(documents, name, overlap):
    (document,) = load((documents / name).read_bytes(), name).documents
    passages = split(document, SplitterSpec(64, overlap))
    chunks = [Chunk(str(number), "f", one) for number, one in enumerate(passages)]
    assert len(chunks) > 5
    joined, places = join_with_places(chunks)
    assert joined == join(chunks)
    for chunk, (start, end) in zip(chunks, places, strict=True):
        passage = chunk.passage
        span = passage.text[passage.lead :][: passage.char_end - passage.char_start]
        assert span.strip() in joined.text[start:end]
        assert end - start <= len(passage.text)
