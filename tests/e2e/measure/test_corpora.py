"""Accuracy on evaluation audio: the folder DIARIZATION_EVAL_DIR with <set>/<id>.flac and .rttm."""

import re

import numpy as np
import pytest
import soundfile

from e2e.calls import der_percent, diarize, run_client, wav_bytes
from measure import lengthen

pytestmark = [pytest.mark.triton, pytest.mark.slow]


def test_simulated_conversations_score_at_most_8_percent(server, simulated, tmp_path):
    recordings = sorted(simulated.glob("*.flac"))
    (tmp_path / "wav.scp").write_text("".join(f"{path.stem} {path}\n" for path in recordings))
    done = run_client(
        server,
        f"--wavscp={tmp_path / 'wav.scp'}",
        f"--output_directory={tmp_path / 'out'}",
        f"--reference={simulated}",
        "--jobs=8",
    )
    assert done.returncode == 0, done.stderr
    assert der_percent(done.stdout) <= 8.0


@pytest.mark.parametrize("mode", ["full", "classic"])
def test_speakers_found_in_parts_are_found_in_the_whole(server, simulated, tmp_path, mode):
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets" / "sim").symlink_to(simulated)
    made = [str(tmp_path / "sets"), str(tmp_path / "long"), "--shared_names=sim", "--sets=joined"]
    assert lengthen.main([*made, "--minutes", "16"]) == 0
    joined = tmp_path / "long" / "joined"

    def scored(folder):
        done = run_client(
            server,
            f"--audio_file={folder}",
            f"--output_directory={tmp_path / folder.name}",
            f"--reference={folder}",
            f"--mode={mode}",
        )
        assert done.returncode == 0, done.stderr
        return der_percent(done.stdout), tmp_path / folder.name

    (parts, _), (whole, answers) = scored(tmp_path / "sets" / "sim"), scored(joined)
    found, true = (
        len(set(re.findall(r"<NA> <NA> (\S+) <NA>", path.read_text())))
        for path in (answers / "rttm_joined_016", joined / "joined_016.rttm")
    )
    assert whole <= parts + 1
    assert abs(found - true) <= 0.1 * true


def test_a_recording_of_several_blocks_has_all_turns_and_two_speakers(server, sample):
    samples, _ = soundfile.read(sample, dtype="float32")
    # 25 minutes, three blocks; every turn comes fifty times over, which is no way to count speakers
    answer = diarize(server, wav_bytes(np.tile(samples, 50)), num_speakers=2)
    assert answer.info["audio_s"] == pytest.approx(1500)
    assert answer.info["n_speakers"] == 2
    ends = np.maximum.accumulate([0.0, *(turn[1] for turn in answer.turns)])
    begins = [*(turn[0] for turn in answer.turns), 1500.0]
    assert max(b - e for b, e in zip(begins, ends, strict=True)) < 10  # no block is missing
