"""The metrics in docs/operations.md are those of the real server."""

import re

import pytest
import yaml

from e2e.calls import diarize
from e2e.counters import read_lines, wait_for_metrics
from server.triton_server import ROOT

ALERTS = ROOT / "Dockerfile" / "helm" / "files" / "alerts.yaml"
PAGE = (ROOT / "docs" / "operations.md").read_text()

pytestmark = pytest.mark.triton


@pytest.fixture
def served(server, sample):
    """The metrics after a request, as text."""
    diarize(server, sample.read_bytes())
    wait_for_metrics(server)
    return "\n".join(read_lines(server))


def expressions():
    """Of the alerts and of the table of questions."""
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    alerts = [rule["expr"] for group in groups for rule in group["rules"]]
    table = PAGE.partition("| question | expression |")[2].partition("\n\n")[0]
    return alerts + re.findall(r"\| `(.*?)` \|$", table, re.M)


def test_every_metric_of_the_page_is_served(served):
    text = PAGE + ALERTS.read_text()
    named = set(re.findall(r"\b(?:diarization|nv)_[a-z_]+[a-z]\b", text))

    assert len(named) > 8
    assert {name for name in named if not re.search(rf"^{name}[{{ ]", served, re.M)} == set()


def test_every_label_in_an_expression_is_served(served):
    picked = [
        (metric, label, value)
        for expression in expressions()
        for metric, labels in re.findall(r"(\w+)\{(.*?)\}", expression)
        for label, values in re.findall(r'(\w+)=~?"(.*?)"', labels)
        for value in values.split("|")
    ]

    assert len(picked) > 8
    for metric, label, value in picked:
        assert re.search(rf'^{metric}\{{.*\b{label}="{value}"', served, re.M), (metric, value)
