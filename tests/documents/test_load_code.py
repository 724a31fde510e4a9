import pytest

from knowledge.documents.splitting.splitting import split
from knowledge.documents.syntaxes import syntax_of
from knowledge.model import SplitterSpec, TextKind
from tests.documents.makers import load_one

PYTHON = '''"""Orders."""

import json
from decimal import Decimal

LIMIT = 10


# What a customer wants.
@dataclass
class Order:
    """An order with its lines."""

    lines: list[Line]

    def total(self) -> Decimal:
        """Add up what the lines cost, taxes included, in the currency of the shop."""
        return sum((line.price * line.count for line in self.lines), Decimal())

    async def send(self, address: str) -> None:
        """Hand the order over to the carrier that delivers to this address fastest."""
        carrier = await fastest_carrier(address)
        await carrier.take(self)


def parse(text: str) -> Order:
    """Read an order from JSON, such as the web shop writes it, and check its lines."""
    return Order([Line(**line) for line in json.loads(text)["lines"]])
'''

SAMPLES = {
    "a.py": (PYTHON, "Order"),
    "a.js": ("export class Cart {\n  add(item) { this.items.push(item); }\n}\n", "Cart"),
    "a.ts": ("export interface User {\n  name: string;\n}\n", "User"),
    "a.tsx": ("export const Button = (props) => {\n  return <b>{props.x}</b>;\n};\n", "Button"),
    "a.java": ("public class Cart {\n  int size() { return 1; }\n}\n", "Cart"),
    "a.go": (
        "package a\n\n// Close ends it.\nfunc (s *Server) Close() error { return nil }\n",
        "Server.Close",
    ),
    "a.rs": ("impl Point {\n    pub fn new() -> Self { Point {} }\n}\n", "Point"),
    "a.c": ("static int *add(int a, int b) {\n  return a + b;\n}\n", "add"),
    "a.cpp": ("void app::run(int a) {\n  go(a);\n}\n", "app::run"),
    "a.cs": ("public class Account {\n  public int X() { return 1; }\n}\n", "Account"),
    "a.rb": ("module App\n  def self.run\n    1\n  end\nend\n", "App"),
    "a.php": ("<?php\nfunction helper($x) {\n  return $x;\n}\n", "helper"),
    "a.sh": ("deploy() {\n  echo deploying\n}\n", "deploy"),
    "a.kt": ("class User {\n  fun greet(): Int {\n    return 1\n  }\n}\n", "User"),
    "a.swift": ("struct Point {\n  func dist() -> Int { return 1 }\n}\n", "Point"),
    "a.scala": ("object Main {\n  def run(x: Int): Int = x\n}\n", "Main"),
    "a.lua": ("function M.add(a, b)\n  return a + b\nend\n", "M.add"),
    "a.sql": ("-- people\nCREATE TABLE IF NOT EXISTS users (\n  id int\n);\n", "users"),
    "a.yaml": ("services:\n  web:\n    image: nginx\n", "services"),
    "a.toml": ("[tool.ruff]\nline-length = 100\n", "tool.ruff"),
    "a.ini": ("[server]\nport = 80\n", "server"),
}


def cut(name, text, size=256, overlap=0):
    document = load_one(text.encode(), name)
    return document, split(document, SplitterSpec(size, overlap))


@pytest.mark.parametrize("name", SAMPLES)
def test_definitions_lead_to_their_code(name):
    text, path = SAMPLES[name]
    document, found = cut(name, text)
    assert (document.text, document.kind, document.has_lines) == (text, TextKind.CODE, True)
    assert path in {" > ".join(passage.heading) for passage in found}


def test_functions_and_classes_are_cut_apart_and_cited_by_line():
    _, found = cut("shop/orders.py", PYTHON, 60)
    cited = {passage.cite("orders.py"): passage for passage in found}
    total = cited["orders.py:16-18"]
    assert total.heading == ("Order", "total")
    assert total.text.startswith("    def total(self)")
    assert total.text.endswith("Decimal())")
    assert cited["orders.py:20-23"].heading == ("Order", "send")
    assert cited["orders.py:26-28"].heading == ("parse",)
    head = cited["orders.py:9-14"]
    assert head.heading == ("Order",)
    assert head.text.startswith("# What a customer wants.\n@dataclass\nclass Order:")
    assert cited["orders.py:1-6"].heading == ()


def test_a_short_class_stays_whole():
    _, found = cut("orders.py", PYTHON, 256)
    (order,) = (passage for passage in found if "class Order" in passage.text)
    assert order.heading == ("Order",)
    assert "def total" in order.text
    assert "def send" in order.text


def test_an_edit_changes_the_passages_of_its_function_alone():
    functions = [
        f"def step_{n}(value):\n" + "".join(f"    value = work_{n}_{i}(value)\n" for i in range(9))
        for n in range(30)
    ]
    before = {passage.embedding_text for passage in cut("a.py", "\n\n".join(functions))[1]}
    functions[2] = functions[2].replace("    value", "    more = other(value)\n    value", 1)
    after = {passage.embedding_text for passage in cut("a.py", "\n\n".join(functions))[1]}
    assert len(after - before) <= 2


def test_a_function_too_long_for_a_passage_is_cut_at_its_statements():
    body = "".join(f"    if ready({n}):\n        start_engine_number({n})\n" for n in range(60))
    _, found = cut("a.py", f"def start():\n{body}", 80)
    assert {passage.heading for passage in found} == {("start",)}
    for passage in found[1:]:
        assert passage.text.lstrip().startswith(("if ready", "start_engine"))


@pytest.mark.parametrize("name", ["a.py", "a.cpp", "a.js", "a.sh", "a.json", "a.yaml"])
def test_damaged_code_is_still_cut(name):
    text = "def (((\n}}} class {\n" * 200 + "the last words"
    _, found = cut(name, text, 50)
    assert "the last words" in found[-1].text


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", "def f():\n  x = " + "1 + " * 5_000 + "1"),
        ("a.py", "(" * 100_000),
        ("a.js", "a=>" * 20_000),
        ("a.js", "function f(){" * 8_000),
        ("a.sh", "<<E\n" * 5_000),
        ("a.c", "#if x\n" * 5_000),
        ("a.json", "[" * 100_000),
    ],
    ids=["sum", "brackets", "arrows", "functions", "here documents", "conditions", "arrays"],
)
def test_hostile_code_ends(name, text):
    cut(name, text, 256, 40)


def test_a_language_without_a_grammar_is_cut_at_its_lines():
    document, found = cut("a.zig", "const std = 1;\n\npub fn main() void {}\n")
    assert document.syntax == ""
    assert [passage.cite("a.zig") for passage in found] == ["a.zig:1-3"]


@pytest.mark.parametrize(
    ("name", "first", "syntax"),
    [
        ("run", "#!/usr/bin/env python3\n", "python"),
        ("run", "#!/bin/sh\n", "bash"),
        ("run", "#!/usr/bin/perl\n", ""),
        ("Gemfile", "", "ruby"),
        ("src/a.H", "", "cpp"),
        ("a.sql", "#!/bin/sh", "sql"),
        ("py", "", ""),
    ],
)
def test_the_syntax_by_name_and_first_line(name, first, syntax):
    assert syntax_of(name, first) == syntax
