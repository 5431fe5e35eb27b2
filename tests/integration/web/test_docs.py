"""docs/web.md: its commands work, and its tables match the gateway."""

import re
import subprocess
import sys
from dataclasses import replace

import pytest

from formats import TOKENS
from gateways import KEY, serving
from server.triton_server import ROOT
from web.api.answers import OFFERED
from web.jobs.store import State
from web.settings import parse_settings

PAGE = (ROOT / "docs" / "web.md").read_text()
BLOCKS = re.findall(r"^```bash\n(.*?)^```$", PAGE, re.M | re.S)
LIMITS = {
    "upload_mb": ("max_upload_bytes", 1_000_000),
    "long": ("long_s", 1),
    "jobs": ("n_workers", 1),
    "most_waiting": ("max_waiting", 1),
    "stored_mb": ("max_stored_bytes", 1_000_000),
    "keep": ("keep_s", 1),
    "rate": ("rate_per_minute", 1),
    "streams": ("max_streams", 1),
    "timeout": ("timeout_s", 1),
}


def run(text, gateway, folder):
    """Run lines of the page in a folder that has the sample, against this gateway."""
    (folder / "data").symlink_to(ROOT / "data")
    (folder / "keys.txt").write_text(f"{KEY}\n")
    text = text.replace("http://127.0.0.1:8080", gateway.url).replace("curl ", "curl --fail -sS ")
    return subprocess.run(
        ["bash", "-ec", text], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("first", ["curl -F", "job=$("])
def test_the_commands_do_what_the_page_says(first, gateway, triton, tmp_path):
    (block,) = [block for block in BLOCKS if block.startswith(first)]
    # A user types more slowly than the job is done.
    asking = "curl -H 'Accept: application/x-subrip'"
    waiting = f"until curl {gateway.url}$job | grep -q done; do sleep 0.1; done\n"
    block = block.replace(asking, waiting + asking)

    done = run(block, gateway, tmp_path)

    assert done.returncode == 0, done.stderr
    assert "WEBVTT" in done.stdout or "Ana" in done.stdout
    assert gateway.files() == []


def test_a_key_is_sent_as_the_page_says(settings, tmp_path):
    (block,) = [block for block in BLOCKS if "keys.txt)" in block]
    (line,) = [line for line in block.splitlines() if line.startswith("curl")]
    with serving(replace(settings, api_keys=(KEY.encode(),))) as gateway:
        done = run(line, gateway, tmp_path)

    assert done.returncode == 0, done.stderr


def test_the_commands_of_the_program_are_valid(tmp_path):
    (tmp_path / "keys.txt").write_text(f"{KEY}\n")
    lines = [line for block in BLOCKS for line in block.splitlines() if "web/app.py" in line]
    assert len(lines) == 2
    for line in lines:
        flags = line.replace("keys.txt", str(tmp_path / "keys.txt")).split()[2:]
        assert parse_settings(flags).api_keys == (KEY.encode(),)


def test_the_page_has_the_default_limits():
    settings = parse_settings([])
    for name, (field, unit) in LIMITS.items():
        (shown,) = re.findall(rf"^\| `--{name}` \| (\d+) \|", PAGE, re.M)
        assert getattr(settings, field) == int(shown) * unit, name


def test_every_option_is_on_the_page():
    done = subprocess.run(
        [sys.executable, ROOT / "client" / "web" / "app.py", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    elsewhere = {"--help", "--host", "--model_name", "--ssl_ca", "--ssl_cert", "--ssl_key"}
    for option in set(re.findall(r"--\w+", done.stdout)) - elsewhere:
        assert option in PAGE, option


def test_every_metric_format_state_and_route_is_on_the_page(gateway, wav):
    gateway.send(wav("call.wav"))
    metrics = re.findall(r"^# TYPE (\w+) ", gateway.get("/metrics").text, re.M)

    for name in metrics:
        assert name.endswith("_created") or f"`{name}`" in PAGE, name
    for token in TOKENS:
        assert f"`{token}`" in PAGE
    for offer in OFFERED:
        assert f"`{offer.media_type}`" in PAGE
    for state in State:
        assert f"`{state}`" in PAGE
    for path, operations in gateway.get("/openapi.json").json()["paths"].items():
        for method in operations:
            shown = path.replace("{job_id}", "{id}")
            assert f"`{method.upper()} {shown}`" in PAGE or shown in PAGE
