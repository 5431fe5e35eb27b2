"""Every command of these pages works on the real server."""

import pytest

from e2e.page_commands import blocks_of, lay_out, run_block
from server.triton_server import ROOT

PAGES = [
    "../README.md",
    "client.md",
    "formats.md",
    "live.md",
    "operations.md",
    pytest.param("scale.md", marks=pytest.mark.slow),  # starts Ray
    pytest.param("tuning.md", marks=pytest.mark.slow),  # starts its own servers
    "voices.md",
]

pytestmark = pytest.mark.triton


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_the_page_work(page, server, sample, tmp_path):
    lay_out(tmp_path, sample)
    blocks = [block for block in blocks_of((ROOT / "docs" / page).read_text()) if not block.not_run]

    for block in blocks:
        done = run_block(block, tmp_path, server)
        assert done.returncode == 0, f"docs/{page} line {block.line}:\n{done.stderr}"
        assert "Traceback" not in done.stderr
    assert blocks
