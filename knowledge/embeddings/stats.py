"""What a pool has done so far."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PoolStats:
    """What a pool has done so far.

    Parameters
    ----------
    embedded:
        Distinct texts that were sent and answered, questions included.
    cached:
        Distinct texts whose vector came from the cache.
    tokens:
        Of the texts that were sent, as the provider counts them, estimated where it does not.
    requests:
        Sent, further tries included.
    split:
        Texts that were longer than the model takes, and embedded in parts.
    """

    embedded: int
    cached: int
    tokens: int
    requests: int
    split: int = 0
