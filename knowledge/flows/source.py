"""A flows file's text as plain values with a map of their lines, and what is wrong with it.

Variables stand in values, never in structure: what a variable holds cannot add a key. A value that
is nothing but a number after that is a number, as if it had been written there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from knowledge.errors import FlowsFileError
from knowledge.files.bounded_yaml import BoundedLoader
from knowledge.settings.variables import Variables
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
class Problem:
    """One thing that is wrong, or worth knowing.

    Parameters
    ----------
    line:
        From 1.
    hint:
        What to do about it; may be empty.
    """

    line: int
    message: str
    hint: str = ""


@dataclass(slots=True)
class Problems:
    """Collects what is wrong with one file.

    Parameters
    ----------
    file:
        As it is shown.
    """

    file: str
    errors: list[Problem] = field(default_factory=list)
    notices: list[Problem] = field(default_factory=list)

    def add(self, line: int, message: str, hint: str = "") -> None:
        """Note an error."""
        self.errors.append(Problem(line, message, hint))

    def notice(self, line: int, message: str) -> None:
        """Note what is no error, but worth knowing."""
        self.notices.append(Problem(line, message))

    def check(self) -> None:
        """Raise the first error by line.

        Raises
        ------
        FlowsFileError
            There is one; its message counts the others.
        """
        if not self.errors:
            return
        first = min(self.errors, key=lambda problem: problem.line)
        others = len(self.errors) - 1
        more = f" (and {others} more: `knowledge flows validate` lists them)" if others else ""
        raise FlowsFileError(
            f"{self.file}:{first.line}: {first.message}{more}", hint=first.hint or None
        )


@dataclass(frozen=True, slots=True)
class Node:
    """A value, and where it stands.

    Parameters
    ----------
    value:
        As plain lists, mappings and scalars.
    line:
        From 1; that of its key where it has one.
    text:
        A scalar as it is written, with variables put in.
    below:
        What a list or a mapping holds, by place or name.
    environment, dotenv:
        Names of the variables that were put in, by where they were found.
    """

    value: Any
    line: int
    text: str = ""
    below: Mapping[str | int, Node] = field(default_factory=dict)
    environment: tuple[str, ...] = ()
    dotenv: tuple[str, ...] = ()

    def at(self, path: Iterable[str | int]) -> Node:
        """Return the node that a path leads to, names without case; where it ends, the last one."""
        node = self
        for name in path:
            found = node.below.get(name)
            if found is None:
                lower = str(name).lower()
                found = next(
                    (one for key, one in node.below.items() if str(key).lower() == lower), None
                )
            if found is None:
                return node
            node = found
        return node


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
        problems.add(line, shortened(f"it is not YAML: {error.problem or error.context}"))
    except yaml.YAMLError as error:
        problems.add(1, f"it is not YAML: {' '.join(str(error).split())}")
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

    def node(self, node: yaml.Node, depth: int = 0, line: int = 0) -> Node:
        line = line or node.start_mark.line + 1
        self.count += 1
        if depth > _DEEPEST or self.count > _MOST_NODES:
            if self.count <= _MOST_NODES + 1:
                self.problems.add(line, "it is nested too deep, or too large")
            return Node(None, line)
        if not isinstance(node, yaml.ScalarNode) and node.tag not in _PLAIN_TAGS:
            self.problems.add(line, f"the tag {node.tag} is not known here")
        if isinstance(node, yaml.MappingNode):
            named = self._mapping(node, depth)
            return Node({name: one.value for name, one in named.items()}, line, below=named)
        if isinstance(node, yaml.SequenceNode):
            listed = [self.node(one, depth + 1) for one in node.value]
            return Node([one.value for one in listed], line, below=dict(enumerate(listed)))
        return self._scalar(node, line)

    def _mapping(self, node: yaml.MappingNode, depth: int) -> dict[str | int, Node]:
        own: dict[str | int, Node] = {}
        merged: dict[str | int, Node] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.tag == _MERGE:
                merged |= self._merged(value, depth)
                continue
            name = self._name(key, line)
            if name in own:
                self.problems.add(line, f"{name!r} stands here a second time")
            own[name] = self.node(value, depth + 1, line)
        return {**merged, **own}

    def _merged(self, value: yaml.Node, depth: int) -> dict[str | int, Node]:
        sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
        merged: dict[str | int, Node] = {}
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
            self.problems.add(line, f"{brief(text)} cannot be read: {shortened(str(error))}")
            value = None
        known = self.variables.environment
        return Node(
            value,
            line,
            text,
            environment=tuple(name for name in used if name in known),
            dotenv=tuple(
                name for name in used if name not in known and name in self.variables.dotenv
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
