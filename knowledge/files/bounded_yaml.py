"""PyYAML's safe loader, bounded in depth and in what aliases repeat."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import yaml

from knowledge.files.depth import MAX_DEPTH, TOO_DEEP

MAX_VALUES = 100_000
"""Maximum values that a text stands for, with each alias counted as what it repeats."""
_TOO_LARGE = f"it is nested too deep, or too large: it stands for more than {MAX_VALUES:,} values"
_LONGEST_NUMBER = 100
"""PyYAML takes minutes for numbers such as ``1:1:1:…``."""


class BoundedLoader(yaml.SafeLoader):
    """Counts the values that nodes stand for while they are composed.

    Raises
    ------
    yaml.MarkedYAMLError
        The text is not valid YAML, or exceeds the bounds.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._level = 0
        self._known: dict[yaml.Node, _Extent] = {}

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Compose a node and all below it, or take the one that an alias names."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        mark = event.start_mark
        if self._level > MAX_DEPTH:
            raise _beyond(TOO_DEEP, mark)
        self._level += 1
        node = super().compose_node(parent, index)
        self._level -= 1
        if node is None:
            return None
        if node not in self._known:
            if isinstance(event, yaml.AliasEvent):
                raise _beyond("an alias is inside what it repeats", mark)
            self._known[node] = self._extent(node, mark)
        if self._level + self._known[node].levels > MAX_DEPTH:
            raise _beyond(TOO_DEEP, mark)
        return node

    def _extent(self, node: yaml.Node, mark: yaml.Mark) -> _Extent:
        if isinstance(node, yaml.ScalarNode):
            if node.tag.endswith((":int", ":float")) and len(node.value) > _LONGEST_NUMBER:
                raise _beyond(f"a number has more than {_LONGEST_NUMBER} digits", mark)
            return _Extent(1, 0)
        below = [self._known[one] for one in _children(node)]
        values = 1 + sum(one.values for one in below)
        if values > MAX_VALUES:
            raise _beyond(_TOO_LARGE, mark)
        return _Extent(values, 1 + max((one.levels for one in below), default=0))


class _Extent(NamedTuple):
    """The number of values that a node stands for, and of levels of lists and mappings."""

    values: int
    levels: int


def _children(node: yaml.Node) -> Iterable[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [one for pair in node.value for one in pair]
    return list(node.value)


def _beyond(problem: str, mark: yaml.Mark) -> yaml.MarkedYAMLError:
    return yaml.composer.ComposerError(None, None, problem, mark)
