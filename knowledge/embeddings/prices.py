"""What embedding costs, as far as a table of prices knows."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from knowledge.errors import UsageError
from knowledge.files.bounded_data import MAX_YAML, DataError, parse_yaml, read_text

if TYPE_CHECKING:
    from knowledge.embeddings.embedder import Embedder
    from knowledge.settings.reading import Settings

SHIPPED = Path(__file__).with_name("prices.yaml")
MILLION = 1_000_000
_OWN_HOST = {"openai": "api.openai.com"}
"""Providers whose names also stand for other people's servers."""

Prices = Mapping[str, Mapping[str, float]]


def cost_of(embedder: Embedder, tokens: int, settings: Settings) -> float | None:
    """Return what so many tokens cost in US dollars; ``None`` where no price is known.

    Raises
    ------
    UsageError
        The file that KNOW_PRICES_FILE names can't be read as prices.
    """
    price = price_of(embedder, settings)
    return None if price is None else round(price * tokens / MILLION, 6)


def price_of(embedder: Embedder, settings: Settings) -> float | None:
    """Return the price of a million tokens in US dollars; ``None`` where it is not known.

    Raises
    ------
    UsageError
        As for `cost_of`.
    """
    host = urlsplit(embedder.endpoint).hostname or ""
    provider = embedder.spec.provider
    names = [host] if host else []
    if _OWN_HOST.get(provider, host) == host:
        names.append(provider)
    named = str(settings["prices_file"])
    if not named and not embedder.endpoint:
        return None  # a model on this machine; no need to read the table
    tables = [read_prices(settings.folder / Path(named).expanduser())] if named else []
    for table in [*tables, read_prices(SHIPPED)]:
        for name in names:
            for model, price in table.get(name, {}).items():
                if fnmatchcase(embedder.spec.model.lower(), model):
                    return price
    return None


@cache
def read_prices(path: Path) -> Prices:
    """Read a table of prices; names are in lower case.

    Raises
    ------
    UsageError
        It can't be read, or is not a table of prices.
    """
    try:
        content = parse_yaml(read_text(path, MAX_YAML)) or {}
        return {
            str(provider).lower(): {str(m).lower(): _price(p) for m, p in (models or {}).items()}
            for provider, models in content.items()
        }
    except (OSError, UnicodeDecodeError, DataError) as error:
        raise UsageError(
            f"can't read the prices in {path}: {' '.join(str(error).split())}",
            hint="KNOW_PRICES_FILE names the file.",
        ) from error
    except (AttributeError, TypeError, ValueError) as error:
        raise UsageError(
            f"{path} is not a table of prices",
            hint="Write provider: {model: dollars for a million tokens}.",
        ) from error


def _price(given: Any) -> float:
    price = float(given)
    if not 0 <= price < float("inf"):
        raise ValueError(given)
    return price
