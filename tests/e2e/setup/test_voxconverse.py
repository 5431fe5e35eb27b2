"""VoxConverse as README says: prepared by one command, diarized and scored by another."""

import shutil
import subprocess
import sys

import pytest

from e2e.calls import der_percent, run_client
from fake_voxconverse import AUDIO, COMMIT, RTTM, packed
from file_server import serving
from server.triton_server import ROOT

MD_EVAL = ROOT / "external_tools/SCTK-2.4.12/src/md-eval/md-eval.pl"
MOST_DER_PERCENT = 2.0  # the sample alone: 0.0 at collar 0.25 s

pytestmark = pytest.mark.triton


@pytest.fixture(scope="module")
def prepared(sample, tmp_path_factory):
    """A VoxConverse of two recordings, both the sample, prepared from a server on this machine."""
    reference = sample.with_suffix(".rttm").read_text()
    names = ("abjxc", "afjiv")
    audio = packed({f"audio/{name}.wav": sample.read_bytes() for name in names})
    rttm = {
        f"voxconverse-{COMMIT}/dev/{name}.rttm": reference.replace("sample", name).encode()
        for name in names
    }
    data_dir = tmp_path_factory.mktemp("voxconverse") / "data"
    with serving({AUDIO: audio, RTTM: packed(rttm, COMMIT)}) as server:
        command = [sys.executable, ROOT / "scripts" / "setup" / "prepare_voxconverse.py", "dev"]
        command += [f"--audio_url={server.url}/{AUDIO}", f"--rttm_url={server.url}/{RTTM}"]
        command += [f"--data_dir={data_dir}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("2 recordings, 0.02 hours\n")
    return data_dir


def test_one_command_diarizes_and_scores_the_set(server, prepared, tmp_path):
    folder = prepared / "voxconverse" / "dev"
    done = run_client(
        server,
        f"--wavscp={folder / 'wav.scp'}",
        f"--output_directory={tmp_path / 'out'}",
        f"--reference={folder / 'ref.rttm'}",
    )
    assert done.returncode == 0, done.stderr
    assert der_percent(done.stdout) <= MOST_DER_PERCENT
    upstream = (
        f"perl {MD_EVAL} -c 0.25 -r <(cat {prepared}/voxconverse-master/dev/*.rttm) "
        f"-s {tmp_path}/out/rttm"
    )
    scored = subprocess.run(
        [shutil.which("bash"), "-c", upstream], capture_output=True, text=True, check=True
    )
    assert der_percent(scored.stdout) == pytest.approx(der_percent(done.stdout), abs=0.01)
    assert "SCORED SPEAKER TIME" in scored.stdout
