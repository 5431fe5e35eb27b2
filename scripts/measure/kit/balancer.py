"""Envoy in front of servers of this machine, configured as it is shipped."""

import contextlib
import json
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from server.flags import LOOPBACK, Ports
from server.triton_server import ROOT

ENVOY = Path(sys.executable).with_name("envoy")
CONFIG = ROOT / "Dockerfile" / "helm" / "files" / "envoy.yaml"
READY_WITHIN_S = 20.0
POLL_S = 0.05


class BalancerError(Exception):
    """Envoy does not start; the text is what it printed last."""


class Balancer:
    """A running Envoy.

    Attributes
    ----------
    url
        Its gRPC address.
    """

    def __init__(self, url: str, admin: str) -> None:
        self.url, self._admin = url, admin

    def ask(self, path: str) -> bytes:
        """Answer of its administration; URLError while it does not listen."""
        with urllib.request.urlopen(f"http://{self._admin}{path}", timeout=5) as answer:
            content: bytes = answer.read()
        return content

    def healthy(self) -> set[str]:
        """Addresses of the servers that get recordings."""
        clusters = json.loads(self.ask("/clusters?format=json"))["cluster_statuses"]
        (hosts,) = (each["host_statuses"] for each in clusters if each["name"] == "recordings")
        return {
            "{address}:{port_value}".format(**host["address"]["socket_address"])
            for host in hosts
            if host["health_status"] == {"eds_health_status": "HEALTHY"}
        }


def configuration(servers: Sequence[str], ports: Ports) -> dict[str, Any]:
    """The shipped configuration, for other addresses of servers and for free ports."""
    config: dict[str, Any] = yaml.safe_load(CONFIG.read_text())
    config["admin"]["address"]["socket_address"]["port_value"] = ports.http
    resources = config["static_resources"]
    listening = resources["listeners"][0]["address"]["socket_address"]
    listening.update(address=LOOPBACK, port_value=ports.grpc)
    addresses = (server.split(":") for server in servers)
    endpoints = [
        {"endpoint": {"address": {"socket_address": {"address": host, "port_value": int(port)}}}}
        for host, port in addresses
    ]
    for cluster in resources["clusters"]:
        cluster["load_assignment"]["endpoints"][0]["lb_endpoints"] = endpoints
    return config


@contextlib.contextmanager
def balancing(servers: Sequence[str]) -> Iterator[Balancer]:
    """Run Envoy until the end of the block, from when all these `host:port` are healthy.

    Raises
    ------
    BalancerError
        If they are not in time.
    """
    ports = Ports.free()
    balancer = Balancer(f"{LOOPBACK}:{ports.grpc}", f"{LOOPBACK}:{ports.http}")
    config = json.dumps(configuration(servers, ports))
    command = [str(ENVOY), "--config-yaml", config, "--disable-hot-restart", "-l", "warn"]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + READY_WITHIN_S
            while not _is_ready(balancer, servers):
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise BalancerError(f"Envoy: {log.read()[-1000:]}")
                time.sleep(POLL_S)
            yield balancer
        finally:
            process.kill()
            process.wait()


def _is_ready(balancer: Balancer, servers: Sequence[str]) -> bool:
    try:
        return balancer.healthy() == set(servers)
    except urllib.error.URLError:
        return False
