"""The fake of Triton's metrics: its values, and that it refuses what the server refuses."""

import gc

import pytest

from integration.fake_metrics import Registry, family_type
from integration.model_contract import ContractViolationError


@pytest.fixture
def registry():
    return Registry()


@pytest.fixture
def family(registry):
    bound = family_type(registry)
    return bound(name="cars_total", description="Cars", kind=bound.COUNTER)


def test_equal_names_and_labels_share_one_value(registry, family):
    bound = type(family)
    again = bound(name="cars_total", description="Cars", kind=bound.COUNTER)
    family.Metric(labels={"colour": "red", "doors": "4"}).increment(2)
    again.Metric(labels={"doors": "4", "colour": "red"}).increment(0.5)
    assert registry.value("cars_total", colour="red", doors="4") == 2.5


def test_gauges_rise_and_fall(registry):
    bound = family_type(registry)
    family = bound(name="depth", description="", kind=bound.GAUGE)
    gauge = family.Metric()
    gauge.set(3)
    gauge.increment(-5)
    assert gauge.value() == registry.value("depth") == -2


@pytest.mark.parametrize(
    "refused",
    [
        lambda counter, _family: counter.increment(-1),
        lambda counter, _family: counter.increment(float("nan")),
        lambda counter, _family: counter.set(1),
        lambda _counter, family: family.Metric(labels={"no-name": "x"}),
        lambda _counter, family: family.Metric(labels={"__reserved": "x"}),
        lambda _counter, family: family.Metric(labels={"doors": 4}),
        lambda _counter, family: type(family)("no-name", "", family.COUNTER),
        lambda _counter, family: type(family)("people", "", "COUNTER"),
        lambda _counter, family: type(family)("people", "", 0),
        lambda _counter, family: type(family)("cars_total", "", family.GAUGE),
    ],
    ids=[
        "less",
        "not a number",
        "set",
        "label name",
        "reserved label",
        "label that is no text",
        "name",
        "kind as text",
        "kind as number",
        "another kind",
    ],
)
def test_the_fake_refuses_what_the_server_refuses(family, refused):
    counter = family.Metric()
    with pytest.raises(ContractViolationError):
        refused(counter, family)


def test_a_metric_of_a_deleted_family_is_refused(registry):
    counter = family_type(registry)("cars_total", "", family_type(registry).COUNTER).Metric()
    gc.collect()
    with pytest.raises(ContractViolationError, match="is gone"):
        counter.increment(1)


def test_deleting_a_family_deletes_its_shared_series(registry, family):
    counter = family.Metric()
    other = type(family)("cars_total", "", family.COUNTER)
    other.Metric()
    del other
    gc.collect()
    with pytest.raises(ContractViolationError, match="dropped with another"):
        counter.increment(1)
