"""Text to vectors: one file per provider, and the pool that drives them all.

Providers fulfil the protocol in ``embedder``; ``registry`` finds them by name (``naming``), and
``profiles`` by the name of a profile. ``choice`` says which one a dataset gets, with what settings;
``opening`` makes a pool of it. ``instructed`` puts before texts what ``instructions`` knows of
their model. ``prices`` knows what tokens cost, ``catalogue`` what each provider needs, ``probe``
(with ``probe_findings`` and ``known_models``) whether one works. ``static`` is the
bundled model. Those that are reached over HTTP share ``endpoint`` (the address and the key),
``answers`` and ``refusals``; ``openai`` sends through OpenAI's package, the others are
``hosted`` ones on ``http_client``, most of them ``compatible`` with OpenAI's protocol.
``sign_in`` gets the tokens of clouds, ``gradio`` calls Spaces. Models that run in the process
are ``local`` ones: ``onnx`` (with ``onnx_session``, ``pooling``, ``transformer_files`` and
``chroma_model``), ``fastembed``, ``sentence_transformers``, ``model2vec``, ``llama_cpp``, and the
``foreign`` objects of ``langchain`` and ``llama_index``; ``model_name`` and ``model_identity`` say
which model is meant.

``pool`` takes texts and gives vectors. In the order of the work: ``wishes`` (distinct texts),
``memo`` and ``cache`` (what is known already), ``tickets`` and ``batching`` (what waits),
``gate`` and ``rates`` (how many at a time, and a minute), ``sender`` with ``retry``, ``limits``,
``splitting`` and ``checks`` (one request), ``breaker`` (when to give up); ``questions`` for single
questions.
"""
