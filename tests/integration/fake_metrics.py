"""The metrics that a Python model publishes, as the stub of release 24.10 offers them."""

from __future__ import annotations

import enum
import math
import re
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field

from integration.model_contract import require

METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL_NAME = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")

MetricKind = enum.Enum("MetricKind", "COUNTER GAUGE")
Labels = tuple[tuple[str, str], ...]


def sorted_labels(labels: Mapping[str, str]) -> Labels:
    """Labels in the order in which they are published."""
    return tuple(sorted(labels.items()))


@dataclass
class Registry:
    """What the server publishes: values of all series, by family and by labels."""

    kinds: dict[str, MetricKind] = field(default_factory=dict)
    series: dict[str, dict[Labels, float]] = field(default_factory=dict)

    def value(self, family: str, **labels: str) -> float:
        """Value of one series; it must be there."""
        return self.series[family][sorted_labels(labels)]


class Metric:
    """A series, shared with all who have one of the same family with the same labels."""

    def __init__(self, family: MetricFamily, labels: Labels) -> None:
        # No reference to the family: its holder has to keep it.
        self._family, self._labels = weakref.ref(family), labels
        self._values = family.series
        self._values.setdefault(labels, 0.0)

    def increment(self, value: float) -> None:
        kind = self._live_family().kind
        require(kind is not MetricKind.COUNTER or value >= 0, f"counter {self._labels}: {value}")
        self._change(self._values[self._labels] + value)

    def set(self, value: float) -> None:
        require(self._live_family().kind is MetricKind.GAUGE, f"counter {self._labels} set")
        self._change(value)

    def value(self) -> float:
        return self._live_family().series[self._labels]

    def _change(self, value: float) -> None:
        require(math.isfinite(value), f"series {self._labels}: {value}")
        self._values[self._labels] = value

    def _live_family(self) -> MetricFamily:
        family = self._family()
        require(family is not None, f"the family of {self._labels} is gone")
        require(self._labels in self._values, f"{self._labels} was dropped with another's family")
        assert family is not None
        return family


class MetricFamily:
    """Metrics of one name.

    A refusal here is an exception in the real server too, but one that now and then aborts it:
    a contract violation then. When a family goes, the series it shares go with it.
    """

    COUNTER = MetricKind.COUNTER
    GAUGE = MetricKind.GAUGE

    def __init__(self, registry: Registry, name: str, description: str, kind: MetricKind) -> None:
        require(isinstance(kind, MetricKind), f"metric family {name}: kind {kind!r}")
        require(isinstance(description, str), f"metric family {name}: {description!r}")
        require(METRIC_NAME.fullmatch(name) is not None, f"metric family {name!r}: name")
        known = registry.kinds.setdefault(name, kind)
        require(known is kind, f"metric family {name} is a {known} already")
        self.kind, self.series = kind, registry.series.setdefault(name, {})
        self._own: list[Labels] = []

    def Metric(self, labels: dict[str, str] | None = None) -> Metric:  # noqa: N802 - the real name
        for label, value in (labels or {}).items():
            require(LABEL_NAME.fullmatch(label) is not None, f"label {label!r}: name")
            require(isinstance(value, str), f"label {label}: {value!r}")
        self._own.append(sorted_labels(labels or {}))
        return Metric(self, self._own[-1])

    def __del__(self) -> None:
        for labels in getattr(self, "_own", ()):
            self.series.pop(labels, None)


def family_type(registry: Registry) -> type[MetricFamily]:
    """`MetricFamily` as a model sees it, bound to the server it runs in."""

    class BoundFamily(MetricFamily):
        def __init__(self, name: str, description: str, kind: MetricKind) -> None:
            super().__init__(registry, name, description, kind)

    return BoundFamily
