"""The name that a definition gives, from its node in the syntax tree."""

from __future__ import annotations

from typing import Any

from knowledge.documents.words import words

_LIMIT = 120
_FUNCTIONS = words("arrow_function function_expression function generator_function class")
_ASSIGNMENTS = words(
    "variable_declarator assignment_expression field_definition public_field_definition"
)
_DECLARATORS = words(
    "function_declarator pointer_declarator reference_declarator array_declarator "
    "parenthesized_declarator init_declarator attributed_declarator"
)
_IDENTIFIERS = frozenset({"identifier", "simple_identifier", "type_identifier"})


def name_of(node: Any) -> str:
    """Return what a node defines; empty where it defines nothing with a name."""
    kind = node.type
    if kind in _ASSIGNMENTS:
        return _assigned(node)
    if kind == "impl_item":
        return _text(node.child_by_field_name("type"))
    if kind.endswith("_specifier") and node.child_by_field_name("body") is None:
        return ""  # it is used here, not defined
    if kind == "init_declaration":
        return "init"
    if kind == "method_declaration" and node.child_by_field_name("receiver") is not None:
        return _method_of(node)
    named = node.child_by_field_name("name") or _declared(node)
    if named is None:
        named = next((child for child in node.named_children if child.type in _IDENTIFIERS), None)
    return _text(named)


def _assigned(node: Any) -> str:
    """Return the name that a function or class is assigned to."""
    value = node.child_by_field_name("value") or node.child_by_field_name("right")
    if value is None or value.type not in _FUNCTIONS:
        return ""
    given = (node.child_by_field_name(field) for field in ("name", "left", "property"))
    return _text(next((child for child in given if child is not None), None))


def _method_of(node: Any) -> str:
    """Return a Go method's name with its type's: ``Server.Close``."""
    receiver = _text(node.child_by_field_name("receiver"))
    type_ = receiver.strip("()").split()[-1].lstrip("*").partition("[")[0] if receiver else ""
    name = _text(node.child_by_field_name("name"))
    return f"{type_}.{name}" if type_ and type_ != "()" else name


def _declared(node: Any) -> Any:
    """Return the name inside the declarators of C and C++."""
    inner = node.child_by_field_name("declarator")
    for _ in range(20):
        if inner is None or inner.type not in _DECLARATORS:
            return inner
        following = inner.child_by_field_name("declarator")
        inner = following or next(iter(inner.named_children), None)
    return None


def _text(node: Any) -> str:
    if node is None or node.text is None:
        return ""
    return " ".join(node.text[: 4 * _LIMIT].decode("utf-8", "ignore").split())[:_LIMIT]
