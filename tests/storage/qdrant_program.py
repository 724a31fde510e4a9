"""The program with a Qdrant in a folder, by the client's local mode; it can be killed."""

from __future__ import annotations

import os
import sys
from typing import Any

import qdrant_client

FOLDER = "TEST_QDRANT_FOLDER"
_Client = qdrant_client.QdrantClient


def _in_folder(**_: Any) -> Any:
    return _Client(path=os.environ[FOLDER])


if __name__ == "__main__":
    qdrant_client.QdrantClient = _in_folder  # type: ignore[assignment, misc]
    from knowledge.__main__ import main

    sys.exit(main())
