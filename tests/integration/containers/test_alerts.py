"""Alerts, scaling expressions and the dashboard, evaluated by Prometheus' own promtool."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from integration.containers.test_helm import CHART, FEATURES, HELM, rendered

PROMTOOL = shutil.which("promtool")
ALERTS = CHART / "files" / "alerts.yaml"
NAMESPACE = 'namespace="speech"'
POD = "test-diarization-server"

pytestmark = pytest.mark.skipif(
    PROMTOOL is None, reason="no promtool; Debian's package prometheus has it"
)


def promtool(*words):
    done = subprocess.run([PROMTOOL, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def adapter_expressions():
    """Expression of each custom metric, as the adapter asks for the pods of a namespace."""
    rules = yaml.safe_load((CHART / "files" / "prometheus-adapter.yaml").read_text())
    for rule in rules["rules"]["custom"]:
        series = rule["seriesQuery"].partition("{")[0]
        expression = (
            rule["metricsQuery"]
            .replace("<<.Series>>", series)
            .replace("<<.LabelMatchers>>", f'{NAMESPACE},pod=~"{POD}-1|{POD}-2"')
            .replace("<<.GroupBy>>", "pod")
        )
        yield rule["name"]["as"], expression


def keda_expressions():
    triggers = rendered(*FEATURES["keda"])["ScaledObject", POD]["spec"]["triggers"]
    return [trigger["metadata"]["query"] for trigger in triggers]


def dashboard_expressions():
    panels = json.loads((CHART / "files" / "dashboard.json").read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def expected(expression, *samples):
    named = [{"labels": labels, "value": value} for labels, value in samples]
    return {"expr": expression, "eval_time": "5m", "exp_samples": named}


def test_every_alert_is_tested_and_fires_only_with_its_reason(tmp_path):
    promtool("check", "rules", str(ALERTS))
    tests = yaml.safe_load(Path(__file__).with_name("alerts_test.yaml").read_text())
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    for alert in (rule["alert"] for rule in group["rules"]):
        cases = [
            bool(case["exp_alerts"])
            for test in tests["tests"]
            for case in test.get("alert_rule_test", [])
            if case["alertname"] == alert
        ]
        assert set(cases) == {True, False}, alert
    path = tmp_path / "test.yaml"
    path.write_text(yaml.safe_dump({**tests, "rule_files": [str(ALERTS)]}))
    promtool("test", "rules", str(path))


@pytest.mark.skipif(not HELM.is_file(), reason="no helm")
def test_the_scaling_expressions_count_what_waits_and_who_talks(tmp_path):
    tests = yaml.safe_load(Path(__file__).with_name("alerts_test.yaml").read_text())
    custom = dict(adapter_expressions())
    hpa = rendered(*FEATURES["autoscaling"])["HorizontalPodAutoscaler", POD]["spec"]["metrics"]
    assert [each["pods"]["metric"]["name"] for each in hpa] == list(custom)
    of_keda = keda_expressions()
    per_pod = {"diarization_pending_requests": (9, 3), "diarization_live_sessions": (20, 4)}
    cases = [
        expected(
            custom[name], *((f'{{pod="{POD}-{n}"}}', value) for n, value in enumerate(each, 1))
        )
        for name, each in per_pod.items()
    ]
    cases += [expected(of_keda[0], ("{}", 12)), expected(of_keda[1], ("{}", 24))]
    tests["tests"][-1]["promql_expr_test"] = cases
    path = tmp_path / "test.yaml"
    path.write_text(yaml.safe_dump({**tests, "rule_files": [str(ALERTS)]}))
    promtool("test", "rules", str(path))


def test_the_dashboard_has_expressions_that_prometheus_can_parse(tmp_path):
    rules = [
        {"record": f"panel:{number}", "expr": expression}
        for number, expression in enumerate(dashboard_expressions())
    ]
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", str(path))


def test_the_page_of_operations_names_every_alert():
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    page = (CHART.parents[1] / "docs" / "operations.md").read_text()
    assert re.findall(r"^\| `(Diarization\w+)`", page, re.MULTILINE) == [
        rule["alert"] for rule in group["rules"]
    ]
