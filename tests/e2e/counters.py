"""The server's Prometheus counters, read from its metrics port."""

import re
import socket
import time
import urllib.request

OWN = re.compile(r"diarization_(\w+)_total\{(.*)\} (\S+)")
REJECTED = re.compile(r'nv_inference_request_failure\{.*model="run".*reason="REJECTED".*\} (\S+)')
ANSWERED = r'nv_inference_request_success\{{.*model="{model}".*\}} (\S+)'
LABEL = re.compile(r'(\w+)="([^"]*)"')
WAIT_S = 20  # for the port to open, for a counter to move


def read_lines(server):
    with urllib.request.urlopen(server.metrics_url, timeout=10) as response:
        return response.read().decode().splitlines()


def listens(server):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", server.ports.metrics)) == 0


def wait_until(happened):
    """Wait until a condition holds."""
    deadline = time.monotonic() + WAIT_S
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def wait_for_metrics(server):
    """Wait for the port, which Triton opens last, a moment after it says that it is ready."""
    wait_until(lambda: listens(server))


def read_counts(server):
    """Value of every counter of `run` by its name and its labels' values."""
    found = [match.groups() for match in map(OWN.fullmatch, read_lines(server)) if match]
    return {
        (name, *(value for _, value in LABEL.findall(labels))): float(value)
        for name, labels, value in found
    }


def read_rejected(server):
    """Number of requests that waited too long for `run`."""
    (match,) = filter(None, map(REJECTED.fullmatch, read_lines(server)))
    return float(match[1])


def read_answered(server, model):
    """Number of requests that a model answered."""
    pattern = re.compile(ANSWERED.format(model=model))
    (match,) = filter(None, map(pattern.fullmatch, read_lines(server)))
    return float(match[1])
