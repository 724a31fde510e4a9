"""The suite: python -m benchmarks NAME…|all [--small] [--runs 9] [--peers-python PATH].

Writes NAME.md and NAME.json to benchmarks/results, or to --output. The peers need a virtual
environment of their own: python -m venv PEERS && PEERS/bin/pip install -r
benchmarks/peers/requirements.txt; then --peers-python PEERS/bin/python.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks import cluster, cold, ingesting, quick, search, stores
from benchmarks.plots import plot
from benchmarks.programs import Options
from benchmarks.report import RESULTS, Result, save

BENCHMARKS: Mapping[str, Callable[[Options], Result]] = {
    "startup": quick.start,
    "cold_retrieve": cold.cold_retrieve,
    "cold_retrieve_openai": cold.cold_retrieve_openai,
    "ingest_latency": ingesting.ingest_latency,
    "ingest_local": ingesting.ingest_local,
    "reingest": ingesting.reingest,
    "search": search.search,
    "memory": quick.memory,
    "disk": ingesting.disk,
    "stores": stores.stores,
    "cluster": cluster.cluster,
}


def main() -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="+", choices=[*BENCHMARKS, "all"], metavar="NAME")
    parser.add_argument("--small", action="store_true", help="only see that it works")
    parser.add_argument("--scale", type=float, default=1.0, help="a part of the full sizes")
    parser.add_argument("--runs", type=int, help="of each process; default 9, of an ingest 3")
    parser.add_argument("--peers-python", type=Path, help="the Python that has the peers")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the results")
    given = parser.parse_args()
    for name in BENCHMARKS if "all" in given.names else given.names:
        usual = 3 if name.startswith("ingest") else 9
        with tempfile.TemporaryDirectory(prefix="knowledge-bench-") as scratch:
            runs = given.runs or (1 if given.small else usual)
            options = Options(given.small, runs, Path(scratch), given.peers_python, given.scale)
            result = BENCHMARKS[name](options)
        save(result, given.output)
        plot(result, given.output)


if __name__ == "__main__":
    main()
