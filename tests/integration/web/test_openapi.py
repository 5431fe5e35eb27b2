"""The OpenAPI document matches the gateway: schemathesis tries it, with real audio too."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gateways import KEY, serving
from server.triton_server import ROOT

HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
# No schema can express that a turn ends after its start and within its recording.
CONFIG = """
[[operations]]
include-name = "PUT /v1/jobs/{job_id}/turns"
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "404", "409", "422"]
"""


@pytest.fixture
def gateway(settings):
    """One with keys, for which 0.05 s are long."""
    changed = {"long_s": 0.05, "api_keys": (KEY.encode(),), "max_waiting": 1000}
    with serving(replace(settings, **changed)) as running:
        yield running


def test_schemathesis_finds_no_disagreement(gateway, tmp_path):
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    paths = [ROOT / "tests", HOOKS.parent]
    report = tmp_path / "report.json"
    done = subprocess.run(
        [
            *(SCHEMATHESIS, "--config-file", tmp_path / "schemathesis.toml"),
            *("run", f"{gateway.url}/openapi.json", f"--header=Authorization: Bearer {KEY}"),
            *("--max-examples=20", "--no-color", "--request-timeout=60", "--seed=1"),
            *("--report=json", f"--report-json-path={report}"),
        ],
        env={
            **os.environ,
            "SCHEMATHESIS_HOOKS": HOOKS.stem,
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=280,
    )
    # Without the long lines of uploads.
    lines = [line[:300] for line in done.stdout.splitlines() if "\0" not in line]
    assert done.returncode == 0, "\n".join(lines)
    metrics = gateway.get("/metrics").text
    for part in ("result", "turns"):  # it has reached jobs that were done
        assert f'route="/v1/jobs/{{job_id}}/{part}",status="200"' in metrics


def test_every_route_documents_its_errors_as_problems(gateway):
    document = gateway.get("/openapi.json").json()

    statuses = {
        (path, method): {
            status: set(response.get("content", {}))
            for status, response in operation["responses"].items()
            if status >= "400"
        }
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert len(statuses) == 14
    for errors in statuses.values():
        assert {"403", "421", "500"} <= set(errors)
        assert all(content == {"application/problem+json"} for content in errors.values())
    assert "HTTPValidationError" not in json.dumps(document)


def test_a_key_is_in_the_document_where_one_is_needed(gateway, settings):
    post = gateway.get("/openapi.json").json()["paths"]["/v1/diarize"]["post"]
    assert post["security"] == [{"bearer": []}, {"key": []}]

    with serving(replace(settings, work_dir=settings.work_dir / "open")) as opened:
        assert "security" not in opened.get("/openapi.json").text
