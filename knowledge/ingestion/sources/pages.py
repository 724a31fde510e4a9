"""Fetch several pages at once, in order, with a time limit for each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from knowledge.ingestion.sources.addresses import Page
from knowledge.ingestion.sources.ahead import ahead
from knowledge.ingestion.sources.fetch_limits import FetchLimits
from knowledge.ingestion.sources.web import FetchedPage, fetch
from knowledge.model import Metadata

AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A page to fetch, and what is remembered of its stored version."""

    page: Page
    remembered: Metadata


def fetch_pages(
    requests: Iterable[PageRequest], limits: FetchLimits, folder: str
) -> Iterator[tuple[Page, Callable[[], FetchedPage | None]]]:
    """Yield each page with a function that returns it, as :func:`fetch` does, or raises.

    Parameters
    ----------
    folder:
        Where they are kept.
    """

    def fetched(numbered: tuple[int, PageRequest]) -> FetchedPage | None:
        number, request = numbered
        into = os.path.join(folder, f"page-{number}")
        return fetch(request.page, limits, into, request.remembered)

    results = ahead(
        enumerate(requests), fetched, AT_ONCE, limits.seconds, lambda one: one[1].page.shown
    )
    return ((request.page, result) for (_, request), result in results)
