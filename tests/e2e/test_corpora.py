"""Accuracy on evaluation audio: the folder DIARIZATION_EVAL_DIR with <set>/<id>.flac and .rttm."""

import numpy as np
import pytest
import soundfile

from e2e.calls import der_percent, diarize, run_client, wav_bytes

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


def test_a_recording_of_several_blocks_is_one_recording(server, sample):
    samples, _ = soundfile.read(sample, dtype="float32")
    # 25 minutes, three blocks; every turn comes fifty times over, which is no way to count speakers
    answer = diarize(server, wav_bytes(np.tile(samples, 50)), num_speakers=2)
    assert answer.info["audio_s"] == pytest.approx(1500)
    assert answer.info["n_speakers"] == 2
    ends = np.maximum.accumulate([0.0, *(turn[1] for turn in answer.turns)])
    begins = [*(turn[0] for turn in answer.turns), 1500.0]
    assert max(b - e for b, e in zip(begins, ends, strict=True)) < 10  # no block is missing
