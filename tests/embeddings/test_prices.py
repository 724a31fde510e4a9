"""The table of prices: shipped, replaced, and silent where nothing is known."""

from __future__ import annotations

import pytest
import yaml

from knowledge.embeddings.prices import SHIPPED, cost_of, price_of, read_prices
from knowledge.embeddings.provider import provider_names
from knowledge.embeddings.registry import create_embedder
from knowledge.errors import UsageError
from knowledge.settings.reading import Settings


@pytest.fixture
def price(tmp_path):
    def look_up(provider, *, prices="", **environ):
        if prices:
            (tmp_path / "prices.yaml").write_text(prices, encoding="utf-8")
            environ["KNOW_PRICES_FILE"] = "prices.yaml"
        read_prices.cache_clear()
        settings = Settings.read(environ=environ, folder=tmp_path)
        return price_of(create_embedder(provider, settings=settings), settings)

    return look_up


def test_the_price_of_a_known_model(price):
    assert price("openai:text-embedding-3-small") == 0.02
    assert price("openai:Text-Embedding-3-LARGE") == 0.13
    assert price("openai:unheard-of") is None
    assert price("static") is None


def test_a_famous_name_on_another_server_has_no_price(price):
    there = {"OPENAI_BASE_URL": "http://localhost:8080/v1"}
    assert price("openai:text-embedding-ada-002", **there) is None


def test_a_file_of_the_users_wins(price):
    prices = "openai: {text-embedding-3-small: 0.5}\nlocalhost: {'*': 7}\nstatic: {'*': 0}\n"
    assert price("openai:text-embedding-3-small", prices=prices) == 0.5
    assert price("openai:text-embedding-3-large", prices=prices) == 0.13
    there = {"OPENAI_BASE_URL": "http://localhost:8080/v1"}
    assert price("openai:any", prices=prices, **there) == 7
    assert price("static", prices=prices) == 0


@pytest.mark.parametrize(
    "prices",
    ["- a", "openai: 3", "openai: {m: dear}", "openai: {m: -1}", "a: b: c", "openai: {m: .nan}"],
)
def test_a_file_that_is_no_table_is_named(price, prices):
    with pytest.raises(UsageError, match=r"prices\.yaml"):
        price("openai:m", prices=prices)


def test_a_missing_file_is_named(tmp_path):
    settings = Settings.read(environ={"KNOW_PRICES_FILE": "nowhere.yaml"}, folder=tmp_path)
    with pytest.raises(UsageError, match=r"nowhere\.yaml") as caught:
        cost_of(create_embedder("static", settings=settings), 1, settings)
    assert "KNOW_PRICES_FILE" in caught.value.hint


def test_the_cost_is_that_of_the_tokens(tmp_path):
    settings = Settings.read(environ={"OPENAI_API_KEY": "sk-1"}, folder=tmp_path)
    embedder = create_embedder("openai:text-embedding-3-small", settings=settings)
    assert cost_of(embedder, 2_500_000, settings) == 0.05
    assert cost_of(embedder, 0, settings) == 0


def test_the_shipped_table_names_providers_that_there_are():
    table = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    assert set(table) <= set(provider_names())
    assert all(price > 0 for models in table.values() for price in models.values())
