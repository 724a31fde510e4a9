"""What the server counts, as Prometheus reads it.

The text format is https://prometheus.io/docs/instrumenting/exposition_formats/: a line for each
series, with the type before it.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of latencies, in seconds."""
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Counters and latencies; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters: dict[str, dict[Labels, float]] = defaultdict(lambda: defaultdict(float))
        self._latencies: dict[Labels, list[float]] = {}
        self._help: dict[str, str] = {
            "knowledge_requests_total": "Requests by route, method and status.",
            "knowledge_embedded_texts_total": "Texts that a model embedded, by model.",
            "knowledge_embedding_cache_hits_total": "Texts whose vector was kept, by model.",
            "knowledge_embedding_tokens_total": "Tokens of embedded texts, by model.",
        }

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""
        with self._lock:
            self._counters[name][tuple(sorted(labels.items()))] += amount

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request, and how long it took."""
        self.count("knowledge_requests_total", route=route, method=method, status=str(status))
        labels: Labels = (("route", route),)
        with self._lock:
            row = self._latencies.setdefault(labels, [0.0] * (len(BUCKETS) + 2))
            row[bisect_left(BUCKETS, seconds)] += 1
            row[-1] += seconds

    def text(self, gauges: Mapping[str, tuple[str, float]]) -> str:
        """Return everything in Prometheus' text format.

        Parameters
        ----------
        gauges:
            Name -> (help, value) of what holds at this moment.
        """
        with self._lock:
            return "".join(line + "\n" for line in self._lines(gauges))

    def _lines(self, gauges: Mapping[str, tuple[str, float]]) -> Iterator[str]:
        for name, described in self._help.items():
            yield f"# HELP {name} {described}"
            yield f"# TYPE {name} counter"
            for labels, value in sorted(self._counters[name].items()):
                yield f"{name}{_written(labels)} {value:g}"
        name = "knowledge_request_seconds"
        yield f"# HELP {name} Time from a request's head to the end of its reply."
        yield f"# TYPE {name} histogram"
        for labels, row in sorted(self._latencies.items()):
            total = 0.0
            for limit, number in zip((*BUCKETS, "+Inf"), row, strict=False):
                total += number
                le = limit if isinstance(limit, str) else f"{limit:g}"
                yield f"{name}_bucket{_written((*labels, ('le', le)))} {total:g}"
            yield f"{name}_sum{_written(labels)} {row[-1]:.6f}"
            yield f"{name}_count{_written(labels)} {total:g}"
        for name, (described, value) in gauges.items():
            yield f"# HELP {name} {described}"
            yield f"# TYPE {name} gauge"
            yield f"{name} {value:g}"


def _written(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
