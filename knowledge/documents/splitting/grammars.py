"""The tree-sitter grammars, one wheel each, and the nodes of each that define something."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

_DEEPEST = 120


@dataclass(frozen=True, slots=True)
class Grammar:
    """Where a grammar lies, and its nodes that define what has a name.

    Parameters
    ----------
    module, function:
        The grammar's module, and its function that gives the language.
    definitions:
        Types of nodes, as the grammar calls them.
    """

    module: str
    definitions: str
    function: str = "language"


_JAVASCRIPT = (
    "function_declaration generator_function_declaration class_declaration method_definition "
    "variable_declarator assignment_expression field_definition public_field_definition"
)
_TYPESCRIPT = (
    f"{_JAVASCRIPT} abstract_class_declaration interface_declaration type_alias_declaration "
    "enum_declaration internal_module module"
)
_C = "function_definition struct_specifier union_specifier enum_specifier type_definition"
_TYPES = "class_declaration interface_declaration enum_declaration record_declaration"

GRAMMARS = {
    "bash": Grammar("tree_sitter_bash", "function_definition"),
    "c": Grammar("tree_sitter_c", _C),
    "cpp": Grammar(
        "tree_sitter_cpp", f"{_C} class_specifier namespace_definition concept_definition"
    ),
    "csharp": Grammar(
        "tree_sitter_c_sharp",
        f"{_TYPES} namespace_declaration struct_declaration method_declaration "
        "constructor_declaration destructor_declaration delegate_declaration operator_declaration "
        "local_function_statement",
    ),
    "go": Grammar("tree_sitter_go", "function_declaration method_declaration type_spec"),
    "java": Grammar(
        "tree_sitter_java",
        f"{_TYPES} annotation_type_declaration method_declaration constructor_declaration",
    ),
    "javascript": Grammar("tree_sitter_javascript", _JAVASCRIPT),
    "kotlin": Grammar(
        "tree_sitter_kotlin", "class_declaration object_declaration function_declaration"
    ),
    "lua": Grammar("tree_sitter_lua", "function_declaration"),
    "php": Grammar(
        "tree_sitter_php",
        "class_declaration interface_declaration trait_declaration enum_declaration "
        "method_declaration function_definition",
        "language_php",
    ),
    "python": Grammar("tree_sitter_python", "function_definition class_definition"),
    "ruby": Grammar("tree_sitter_ruby", "class module method singleton_method"),
    "rust": Grammar(
        "tree_sitter_rust",
        "function_item struct_item enum_item union_item trait_item impl_item mod_item type_item "
        "macro_definition",
    ),
    "scala": Grammar(
        "tree_sitter_scala",
        "class_definition object_definition trait_definition enum_definition function_definition",
    ),
    "swift": Grammar(
        "tree_sitter_swift",
        "class_declaration protocol_declaration function_declaration init_declaration",
    ),
    "tsx": Grammar("tree_sitter_typescript", _TYPESCRIPT, "language_tsx"),
    "typescript": Grammar("tree_sitter_typescript", _TYPESCRIPT, "language_typescript"),
}
"""Grammars by syntax."""


@cache
def language(syntax: str) -> Any:
    """Return a syntax's language as the grammar's wheel gives it; ``None`` where there is none."""
    grammar = GRAMMARS.get(syntax)
    if grammar is None:
        return None
    try:
        return getattr(import_module(grammar.module), grammar.function)()
    except (ImportError, AttributeError, OSError):  # no wheel for this machine
        return None


@cache
def parser(syntax: str) -> Any:
    """Return a parser for a syntax; ``None`` without a grammar that fits."""
    given = language(syntax)
    if given is None:
        return None
    import tree_sitter

    try:
        return tree_sitter.Parser(tree_sitter.Language(given))
    except ValueError:  # a grammar of another version
        return None


def defining_nodes(tree: Any, syntax: str) -> Iterator[Any]:
    """Yield the nodes of a tree that define something, in order; those nested deepest left out.

    A query would be quadratic in a node's children, of which damaged code has many.
    """
    wanted = frozenset(GRAMMARS[syntax].definitions.split())
    cursor = tree.walk()
    depth = 0
    while True:
        node = cursor.node
        if node.type in wanted and node.is_named:
            yield node
        if depth < _DEEPEST and cursor.goto_first_child():
            depth += 1
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return
            depth -= 1


def is_deep(text: str, syntax: str) -> bool:
    """Tell whether a part of code nests so deep that the splitter's time would grow without end.

    It takes the cube of the depth: a thousand arrow functions in each other cost it six seconds.
    """
    known = parser(syntax)
    if known is None:
        return True
    cursor = known.parse(text.encode("utf-8", "replace")).walk()
    depth = 0
    while depth <= _DEEPEST:
        if cursor.goto_first_child():
            depth += 1
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return False
            depth -= 1
    return True
