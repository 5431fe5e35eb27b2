"""A real Prometheus scrapes two real servers: every expression of the project finds its metrics."""

import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import ExitStack, contextmanager

import pytest
import soundfile
import yaml

from e2e.calls import diarize, wav_bytes
from e2e.counters import wait_for_metrics
from e2e.live_sessions import Live
from integration.containers.test_alerts import (
    ALERTS,
    adapter_expressions,
    dashboard_expressions,
    keda_expressions,
)
from integration.containers.test_helm import HELM
from server.flags import Ports
from server.triton_server import TritonServer

PROMETHEUS = shutil.which("prometheus")
METRIC = re.compile(r"\b(?:diarization|nv)_\w+")
OF_GPUS = {"nv_gpu_utilization"}
WAIT_S = 60

pytestmark = [
    pytest.mark.triton,
    pytest.mark.slow,
    pytest.mark.skipif(PROMETHEUS is None, reason="no prometheus; Debian has it"),
    pytest.mark.skipif(not HELM.is_file(), reason="no helm; scripts/setup/fetch.py fetches it"),
]


@contextmanager
def prometheus(folder, servers):
    """A function that asks Prometheus' HTTP API; it scrapes the servers every second."""
    alerts = re.sub(r"for: \w+", "for: 2s", ALERTS.read_text())
    (folder / "alerts.yaml").write_text(alerts)
    targets = [
        {
            "targets": [server.metrics_url.split("/")[2]],
            "labels": {"namespace": "speech", "pod": f"test-diarization-server-{number}"},
        }
        for number, server in enumerate(servers, 1)
    ]
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(folder / "alerts.yaml")],
        "scrape_configs": [{"job_name": "servers", "static_configs": targets}],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    port = Ports.free().http
    command = [
        PROMETHEUS,
        f"--config.file={folder / 'prometheus.yaml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]

    def ask(path, **parameters):
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/{path}?{query}") as answer:
            return json.load(answer)["data"]

    with (folder / "prometheus.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield ask
        finally:
            process.terminate()
            process.wait()


def values(ask, expression):
    """Values of an expression now, as text."""
    return [each["value"][1] for each in ask("query", query=expression)["result"]]


def wait_for(read, holds):
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            found = read()
        except urllib.error.URLError:
            found = None
        if found is not None and holds(found):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.5)


def firing(ask):
    return {
        alert["labels"]["alertname"]
        for alert in ask("alerts")["alerts"]
        if alert["state"] == "firing"
    }


def test_prometheus_finds_every_metric_of_two_servers(tmp_path, sample):
    samples, rate_hz = soundfile.read(sample, dtype="int16")
    with ExitStack() as stack:
        servers = [
            stack.enter_context(TritonServer(tmp_path / f"triton{number}.log"))
            for number in range(2)
        ]
        for server in servers:
            wait_for_metrics(server)
            assert diarize(server, wav_bytes(samples[: 10 * rate_hz], rate_hz)).turns
        assert Live(servers[0], samples[6 * rate_hz : 12 * rate_hz]).result()
        ask = stack.enter_context(prometheus(tmp_path, servers))
        wait_for(lambda: values(ask, "sum(up)"), lambda found: found == ["2"])
        alerts = [rule["expr"] for rule in yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]]
        scaling = [*dict(adapter_expressions()).values(), *keda_expressions()]
        everything = [*alerts, *scaling, *dashboard_expressions()]
        for metric in {name for each in everything for name in METRIC.findall(each)} - OF_GPUS:
            assert len(values(ask, f"count by (pod) ({metric})")) == 2, metric
        for expression in everything:
            values(ask, expression)
        assert [values(ask, each) for each in keda_expressions()] == [["0"], ["1"]]
        wait_for(lambda: firing(ask), lambda found: found == set())  # none was scraped at first
        for server in servers:
            server.stop()
        wait_for(lambda: firing(ask), lambda found: found == {"DiarizationDown"})
