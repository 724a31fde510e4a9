"""What the tests of the doctor share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.doctor.damage import Whole, make_whole
from tests.storage.command_lines import CommandLines, command_lines


@pytest.fixture(scope="session")
def command_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLines]:
    """Command lines in children of one process."""
    with command_lines(tmp_path_factory.mktemp("lines")) as started:
        yield started


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """A whole data folder, to be copied."""
    return make_whole(tmp_path_factory.mktemp("whole"))
