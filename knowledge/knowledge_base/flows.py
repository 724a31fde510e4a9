"""Flows: files that say how documents are read and questions answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from knowledge.errors import UsageError
from knowledge.knowledge_base.shared import Shared

if TYPE_CHECKING:
    from knowledge.flows.model import Flow, FlowsFile
    from knowledge.flows.reading import Inspected


class Flows:
    """The group ``kb.flows``."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    def file(self) -> FlowsFile | None:
        """Return the flows file that the settings name; ``None`` when they name none.

        Raises
        ------
        FlowsFileError
            Something is wrong with it; the message names file and line.
        UsageError
            It can't be read, or there is no such blueprint.
        """
        from knowledge.flows.reading import open_flows

        return open_flows(self._shared.settings)

    def inspect(self, source: str | None = None) -> Inspected:
        """Read a flows file with all that is wrong with it.

        Parameters
        ----------
        source:
            A path or ``blueprint:NAME``; ``None`` is the one that the settings name.

        Raises
        ------
        PathNotFoundError
            There is no such file.
        UsageError
            It can't be read, there is no such blueprint, or none is named.
        """
        from knowledge.flows.reading import inspect_flows

        named = source or str(self._shared.settings["flows_file"])
        if not named:
            raise UsageError("no flows file is named", hint="Name one, such as blueprint:default.")
        return inspect_flows(named, self._shared.settings)

    @staticmethod
    def blueprints() -> list[str]:
        """Return the names of the flows that are shipped."""
        from knowledge.flows.reading import blueprints

        return blueprints()

    def choose(self, datasets: Sequence[str]) -> Flow | None:
        """Return the flow that counts for datasets; ``None`` without a flows file.

        That is the one that the setting ``flow`` names, else that of the one dataset, else the
        default one.

        Raises
        ------
        UsageError
            There is no such flow, or none is the default.
        """
        from knowledge.flows.reading import choose_flow

        file = self.file()
        if file is None:
            return None
        return choose_flow(file, str(self._shared.settings["flow"]), list(datasets))

    @property
    def is_named(self) -> bool:
        """True when the settings name a flows file, or a flow."""
        return bool(self._shared.settings["flows_file"] or self._shared.settings["flow"])
