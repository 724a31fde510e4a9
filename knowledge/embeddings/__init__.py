"""Text to vectors: one record for each provider, and the pool that drives them all.

``embedder`` is the protocol. ``provider`` holds the records of the providers, also those that other
packages bring; ``registry`` makes an embedder of a name, which may be a profile's (``profiles``),
or of what a dataset recorded. ``choice`` says which one a dataset gets, with what settings, and
``consent`` which recorded names may be opened. ``listing`` shows what each provider needs,
``probe`` whether a model works, ``prices`` what its tokens cost.

``pool`` takes texts and gives vectors: ``texts`` makes equal ones one, ``cache`` has what is known
already, ``batching`` gathers what waits, ``sender`` sends one request with all that may happen to
it (``checks``, ``blame``), ``questions`` sends single questions, ``opening`` makes a pool.

``providers`` are reached over HTTP, through `knowledge.remote`; ``local`` ones run in the process.
"""
