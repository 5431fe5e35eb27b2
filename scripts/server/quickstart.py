"""From nothing to "who spoke when": serve, diarize the sample, score and show it, stop."""

import subprocess
import sys
import tempfile
from pathlib import Path

from server.processes import exit_on_signals
from server.triton_server import ROOT, ServerError, TritonServer

SAMPLE = ROOT / "data" / "sample" / "sample.wav"
OUTPUT = ROOT / "output" / "quickstart"


def main() -> None:
    """Print the sample's RTTM and its diarization error rate."""
    exit_on_signals()
    with tempfile.TemporaryDirectory() as folder:
        try:
            print("starting Triton on free ports ...", flush=True)
            with TritonServer(Path(folder) / "tritonserver.log") as server:
                diarize_sample(server.url)
        except ServerError as error:
            sys.exit(f"quickstart: {error}")


def diarize_sample(url: str) -> None:
    """Run the client as users do."""
    flags = {
        "url": url,
        "audio_file": SAMPLE,
        "output_directory": OUTPUT,
        "reference": SAMPLE.with_suffix(".rttm"),
    }
    command = [sys.executable, str(ROOT / "client" / "client.py")]
    command += [f"--{name}={value}" for name, value in flags.items()] + ["--report"]
    print(f"diarizing {SAMPLE.relative_to(ROOT)} ...", flush=True)
    status = subprocess.run(command, check=False).returncode
    if status:
        sys.exit(status)
    print((OUTPUT / "rttm").read_text(), end="")
    page = (OUTPUT / SAMPLE.stem).with_suffix(".html")
    print(f"to look at and listen to, in a browser: {page.relative_to(ROOT)}", flush=True)


if __name__ == "__main__":
    main()
