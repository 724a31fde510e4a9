"""Text to vectors: one file per provider, and the pool that drives them all.

Providers fulfil the protocol in ``embedder``; ``registry`` finds them by name. ``static`` is the
bundled model; ``openai`` speaks to servers, with ``openai_endpoint``, ``openai_answer`` and
``openai_errors`` for the address, the answers and the refusals.

``pool`` takes texts and gives vectors. In the order of the work: ``wishes`` (distinct texts),
``memo`` and ``cache`` (what is known already), ``tickets`` and ``batching`` (what waits),
``sender`` with ``retry``, ``limits``, ``splitting`` and ``checks`` (one request), ``breaker``
(when to give up).
"""
