"""A YAML or JSON text as nodes that know their lines, with ``${NAME}`` put in.

Variables stand in values, never in structure: what a variable holds can't add a key. A value that
is nothing but a number after that is a number, as if it had been written there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from knowledge.files.bounded_yaml import BoundedLoader
from knowledge.flows.problems import Problems
from knowledge.settings.profiles import Variables
from knowledge.text.wording import brief, shortened

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_MARK = "\ue000{}\ue001"  # in the place of a variable while the text is parsed
_MARKED = re.compile("\ue000(\\d+)\ue001")
_MERGE = "tag:yaml.org,2002:merge"
_TEXT = "tag:yaml.org,2002:str"
_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_PLAIN_TAGS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_DEEPEST = 50
_MOST_NODES = 100_000
"""Aliases can make a few lines stand for any number of nodes."""
_RESOLVER: Any = yaml.resolver.Resolver()


@dataclass(frozen=True, slots=True)
class Node:
    """A value and the line it stands on, from 1.

    Parameters
    ----------
    value:
        A scalar, a tuple of nodes, or a mapping of names to `Item`.
    environment, dotenv:
        Names of the variables that were put in, by where they were found.
    """

    value: Any
    line: int
    environment: tuple[str, ...] = ()
    dotenv: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """What the value is, in words."""
        if isinstance(self.value, Mapping):
            return "a mapping"
        if isinstance(self.value, tuple):
            return "a list"
        return "nothing" if self.value is None else brief(self.value)

    def plain(self) -> Any:
        """Return the value as plain lists, mappings and scalars."""
        if isinstance(self.value, Mapping):
            return {name: item.node.plain() for name, item in self.value.items()}
        if isinstance(self.value, tuple):
            return [node.plain() for node in self.value]
        return self.value

    def all(self) -> Iterator[Node]:
        """Yield this node and all below it."""
        yield self
        below: Iterator[Node] = iter(())
        if isinstance(self.value, Mapping):
            below = (item.node for item in self.value.values())
        elif isinstance(self.value, tuple):
            below = iter(self.value)
        for node in below:
            yield from node.all()


@dataclass(frozen=True, slots=True)
class Item:
    """A value of a mapping, and the line of its key."""

    node: Node
    line: int


def parse(text: str, variables: Variables, problems: Problems, *, json: bool = False) -> Node:
    """Parse a text; what is wrong with it is added to ``problems``.

    Parameters
    ----------
    json:
        Allow tabs between the parts, as JSON does.
    """
    reader = _Reader(variables, problems)
    marked = reader.marked(text)
    try:
        root = yaml.compose(marked.replace("\t", " ") if json else marked, BoundedLoader)
        return Node(None, 1) if root is None else reader.node(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problems.add(line, shortened(f"it is no YAML: {error.problem or error.context}"))
    except yaml.YAMLError as error:
        problems.add(1, f"it is no YAML: {' '.join(str(error).split())}")
    return Node(None, 1)


@dataclass(slots=True)
class _Reader:
    """Makes nodes of PyYAML's."""

    variables: Variables
    problems: Problems
    names: list[str] = field(default_factory=list)
    count: int = 0

    def marked(self, text: str) -> str:
        """Return the text with marks in the place of variables, which parse as parts of words."""

        def mark(found: re.Match[str]) -> str:
            self.names.append(found[1])
            return _MARK.format(len(self.names) - 1)

        return _VARIABLE.sub(mark, text)

    def node(self, node: yaml.Node, depth: int = 0) -> Node:
        line = node.start_mark.line + 1
        self.count += 1
        if depth > _DEEPEST or self.count > _MOST_NODES:
            if self.count <= _MOST_NODES + 1:
                self.problems.add(line, "it is nested too deep, or too large")
            return Node(None, line)
        if not isinstance(node, yaml.ScalarNode) and node.tag not in _PLAIN_TAGS:
            self.problems.add(line, f"the tag {node.tag} is not known here")
        if isinstance(node, yaml.MappingNode):
            return Node(self._mapping(node, depth), line)
        if isinstance(node, yaml.SequenceNode):
            return Node(tuple(self.node(one, depth + 1) for one in node.value), line)
        return self._scalar(node, line)

    def _mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, Item]:
        own: dict[str, Item] = {}
        merged: dict[str, Item] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.tag == _MERGE:
                merged |= self._merged(value, depth)
                continue
            name = self._name(key, line)
            if name in own:
                self.problems.add(line, f"{name!r} stands here a second time")
            own[name] = Item(self.node(value, depth + 1), line)
        return {**merged, **own}

    def _merged(self, value: yaml.Node, depth: int) -> dict[str, Item]:
        sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
        merged: dict[str, Item] = {}
        for source in reversed(sources):
            if isinstance(source, yaml.MappingNode) and depth < _DEEPEST:
                merged |= self._mapping(source, depth + 1)
            else:
                self.problems.add(value.start_mark.line + 1, "<< must name a mapping")
        return merged

    def _name(self, key: yaml.Node, line: int) -> str:
        if not isinstance(key, yaml.ScalarNode):
            self.problems.add(line, "a key must be a text")
            return ""
        return self._filled(key.value, line)[0]

    def _scalar(self, node: yaml.Node, line: int) -> Node:
        text, used = self._filled(str(node.value), line)
        tag = node.tag
        if used and getattr(node, "style", None) is None:  # not in quotes
            tag = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))
        if tag == _TIMESTAMP:
            tag = _TEXT
        try:
            value = _construct(tag, text)
        except (yaml.YAMLError, ValueError) as error:
            self.problems.add(line, f"{brief(text)} can't be read: {shortened(str(error))}")
            value = None
        return Node(
            value,
            line,
            environment=tuple(name for name in used if name in self.variables.environment),
            dotenv=tuple(
                name
                for name in used
                if name not in self.variables.environment and name in self.variables.dotenv
            ),
        )

    def _filled(self, text: str, line: int) -> tuple[str, tuple[str, ...]]:
        """Return a text with its variables put in, and their names."""
        used = tuple(dict.fromkeys(self.names[int(at)] for at in _MARKED.findall(text)))
        known = {**self.variables.dotenv, **self.variables.environment}
        for name in used:
            if name not in known:
                self.problems.add(
                    line,
                    f"the variable {name} is not set",
                    f"Set {name} in the environment or in .env.",
                )
        filled = _MARKED.sub(lambda found: known.get(self.names[int(found[1])], ""), text)
        # JSON writes a sign beyond 16 bits as two escapes.
        return filled.encode("utf-16", "surrogatepass").decode("utf-16", "replace"), used


def _construct(tag: str, text: str) -> Any:
    constructor = yaml.constructor.SafeConstructor()
    return constructor.construct_object(yaml.ScalarNode(tag, text))
