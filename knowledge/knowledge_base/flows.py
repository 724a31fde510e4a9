"""Flows: files that say how documents are read and questions answered."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from knowledge.errors import DatasetNotFoundError, UsageError
from knowledge.knowledge_base.opened import Opened

if TYPE_CHECKING:
    from knowledge.flows.language_models import LanguageModels
    from knowledge.flows.model import Flow, FlowsFile
    from knowledge.flows.reading import Inspected
    from knowledge.ingestion.request import IngestRequest
    from knowledge.model import Dataset


class Flows(Opened):
    """The flows that the settings lead to."""

    def flows(self) -> FlowsFile | None:
        """Return the flows file that the settings name; ``None`` when they name none.

        Raises
        ------
        FlowsFileError
            Something is wrong with it; the message names file and line.
        UsageError
            It can't be read, or there is no such blueprint.
        """
        from knowledge.flows.reading import open_flows

        return open_flows(self.settings)

    def inspect_flows(self, source: str | None = None) -> Inspected:
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

        named = source or str(self.settings["flows_file"])
        if not named:
            raise UsageError("no flows file is named", hint="Name one, such as blueprint:default.")
        return inspect_flows(named, self.settings)

    @staticmethod
    def blueprints() -> list[str]:
        """Return the names of the flows that are shipped."""
        from knowledge.flows.reading import blueprints

        return blueprints()

    def flow_for(self, datasets: Sequence[str]) -> Flow | None:
        """Return the flow that counts for datasets; ``None`` without a flows file.

        That is the one that ``--flow`` names, else that of the one dataset, else the default one.

        Raises
        ------
        UsageError
            There is no such flow, or none is the default.
        """
        from knowledge.flows.reading import choose_flow

        file = self.flows()
        if file is None:
            return None
        return choose_flow(file, str(self.settings["flow"]), list(datasets))

    @property
    def _has_flow(self) -> bool:
        """True when the settings name a flows file, or a flow."""
        return bool(self.settings["flows_file"] or self.settings["flow"])

    def _with_flow(self, request: IngestRequest, dataset: str) -> IngestRequest:
        """Return a request that does what the dataset's flow says."""
        if not self._has_flow:
            return request
        from knowledge.flows.ingesting import with_flow

        flow = self.flow_for([dataset])
        assert flow is not None
        return with_flow(
            request,
            flow,
            self.settings,
            self._dataset_or_none(dataset),
            self._models(),
            self._notify,
        )

    def _dataset_or_none(self, name: str) -> Dataset | None:
        with contextlib.suppress(DatasetNotFoundError), self._existing(name) as catalog:
            return catalog.dataset(name)
        return None

    def _models(self) -> LanguageModels:
        from knowledge.flows.language_models import LanguageModels
        from knowledge.flows.reading import origin_of_flows

        origin = origin_of_flows(self.settings)
        models = LanguageModels(self.settings, origin=origin, notify=self._notify)
        self._closing.callback(models.close)
        return models
