"""Where code defines its functions, classes and the like, by its syntax tree."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from knowledge.documents.splitting.grammars import defining_nodes, parser
from knowledge.text.cleaning import words

# The name that a definition gives, from its node in the syntax tree.

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


LARGEST = 2_000_000
"""Characters of a text above which no tree is built: it takes a hundred times its memory."""
MOST_HERE_DOCUMENTS = 1_000
"""In a shell script; its grammar takes the square of their number."""
_DEEPEST = 8
_MOST = 0.75
_COMMENTS = words(
    "comment line_comment block_comment multiline_comment attribute_item attribute decorator "
    "annotation doc_comment"
)
_WRAPPERS = words(
    "decorated_definition export_statement template_declaration lexical_declaration "
    "variable_declaration expression_statement type_declaration"
)


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition with its span: whole lines, its comments and decorators included."""

    start: int
    end: int
    name: str


def code_definitions(text: str, syntax: str) -> list[Definition]:
    """Return the definitions of code in order, the outer before the inner ones.

    None where the syntax has no grammar, or the text is too large.
    """
    known = parser(syntax)
    if known is None or len(text) > LARGEST:
        return []
    if syntax == "bash" and text.count("<<") > MOST_HERE_DOCUMENTS:
        return []
    data = text.encode("utf-8", "replace")
    found = []
    for node in defining_nodes(known.parse(data), syntax):
        name = name_of(node)
        if name:
            start, end = _span(node)
            found.append((start, end, name))
    return list(_in_characters(text, data, sorted(found, key=lambda each: (each[0], -each[1]))))


def _span(node: Any) -> tuple[int, int]:
    """Return the bytes of a definition with what is written around it and right above it."""
    outer = node
    while outer.parent is not None and outer.parent.type in _WRAPPERS:
        if sum(child.type == outer.type for child in outer.parent.named_children) > 1:
            break  # one of several in a statement
        outer = outer.parent
    first = outer
    above = outer.prev_sibling
    while above is not None and above.type in _COMMENTS and _touches(above, first):
        first = above
        above = above.prev_sibling
    return first.start_byte, outer.end_byte


def _touches(above: Any, below: Any) -> bool:
    """Tell whether a comment stands right above, and not behind code on the same line."""
    before = above.prev_sibling
    alone = before is None or _last_row(before) < above.start_point[0]
    return bool(alone and below.start_point[0] - _last_row(above) <= 1)


def _last_row(node: Any) -> int:
    row, column = node.end_point
    return int(row - (column == 0))  # some comments end with their line break


def _in_characters(
    text: str, data: bytes, found: Sequence[tuple[int, int, str]]
) -> Iterator[Definition]:
    places = _offsets(data, {place for start, end, _ in found for place in (start, end)})
    for start, end, name in found:
        begin, stop = places[start], places[end]
        line = text.rfind("\n", 0, begin) + 1
        if not text[line:begin].strip():
            begin = line
        if begin < stop:
            yield Definition(begin, stop, name)


def _offsets(data: bytes, places: set[int]) -> dict[int, int]:
    """Turn byte offsets into character offsets."""
    if len(data) == 0 or data.isascii():
        return {place: place for place in places}
    ordered = sorted({0, *places})
    offsets = {0: 0}
    for before, place in pairwise(ordered):
        offsets[place] = offsets[before] + len(data[before:place].decode("utf-8", "ignore"))
    return offsets


class DefinitionPaths:
    """Tells which definitions a piece of the text belongs to."""

    def __init__(self, definitions: Sequence[Definition]) -> None:
        self._definitions = definitions
        self._starts = [definition.start for definition in definitions]
        self._outer = _outer(definitions)

    def at(self, start: int, end: int) -> tuple[str, ...]:
        """Return the names of the definitions that hold most of ``start`` to ``end``."""
        index = bisect_right(self._starts, start + (end - start) // 2) - 1
        while index >= 0:
            definition = self._definitions[index]
            shared = min(end, definition.end) - max(start, definition.start)
            if shared >= _MOST * (end - start):
                return self._path(index)
            index = self._outer[index]
        return ()

    def _path(self, index: int) -> tuple[str, ...]:
        names: list[str] = []
        while index >= 0 and len(names) < _DEEPEST:
            name = self._definitions[index].name
            names += [name] if name else []
            index = self._outer[index]
        return tuple(reversed(names))


def _outer(definitions: Sequence[Definition]) -> list[int]:
    """Return for each definition the index of the one around it, or -1."""
    outer: list[int] = []
    stack: list[int] = []
    for index, definition in enumerate(definitions):
        while stack and definitions[stack[-1]].end <= definition.start:
            stack.pop()
        outer.append(stack[-1] if stack else -1)
        stack.append(index)
    return outer
