"""Copy evaluation sets with every recording made fainter, noisier or shorter at its start.

A system that is tuned to a few recordings does worse on such copies; evaluate.py scores them:

    python scripts/measure/perturb.py sets sets-faint --gain_db=-40
    python scripts/measure/evaluate.py --root sets-faint
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from formats.rttm import RttmError, read_rttm, rttm_text, turns_of
from inputs.recordings import ListError, single_recording
from measure.kit.corpus import audio_files, folders_below
from measure.kit.turns import moved

SEED = 0

Wave = NDArray[np.float32]


def perturbed(wave: Wave, gain_db: float, snr_db: float | None) -> Wave:
    """Change the level, then add white noise `snr_db` below the mean power, if not None."""
    changed = wave * 10 ** (gain_db / 20)
    if snr_db is not None:
        noise = np.random.default_rng(SEED).standard_normal(changed.shape)
        changed = changed + noise * np.sqrt(np.mean(changed**2) * 10 ** (-snr_db / 10))
    return changed.astype(np.float32)


def perturb_sets(options: argparse.Namespace) -> int:
    """Write perturbed copies of all sets; returns the number of recordings."""
    n_written = 0
    for folder in folders_below(options.source):
        copy = options.target / folder.name
        copy.mkdir(parents=True)
        for path in audio_files(folder):
            wave, rate_hz = soundfile.read(path, dtype="float32")
            wave = perturbed(
                wave[round(options.cut_s * rate_hz) :], options.gain_db, options.snr_db
            )
            soundfile.write(copy / f"{path.stem}.flac", wave, rate_hz, subtype="PCM_16")
            n_written += 1
        for path in folder.glob("*.rttm"):
            turns = turns_of(line for lines in read_rttm(path).values() for line in lines)
            recording_id = single_recording(str(path)).recording_id
            text = rttm_text(recording_id, moved(turns, -round(1000 * options.cut_s)))
            (copy / path.name).write_text(text, encoding="utf-8")
    return n_written


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path, help="folder of sets, as evaluate.py --root takes it")
    parser.add_argument("target", type=Path, help="where the copies go: a new folder")
    parser.add_argument("--gain_db", type=float, default=0.0, help="change of level")
    parser.add_argument("--snr_db", type=float, help="level of white noise below the recording")
    parser.add_argument("--cut_s", type=float, default=0.0, help="seconds to cut off at the start")
    options = parser.parse_args(arguments)
    if options.target.exists():
        parser.error(f"{options.target} exists already")
    try:
        n_written = perturb_sets(options)
    except (ListError, RttmError, OSError, soundfile.SoundFileError) as error:
        print(f"perturb: {error}", file=sys.stderr)
        return 1
    print(f"{n_written} recordings written to {options.target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
