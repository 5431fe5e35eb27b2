"""Copy evaluation sets with every recording made fainter, noisier or shorter at its start.

A system that is tuned to a few recordings falls apart on such copies; evaluate.py scores them:

    python scripts/measure/perturb.py sets sets-faint --gain_db=-40
    python scripts/measure/evaluate.py --root sets-faint
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Perturbation:
    """What is done to a recording.

    Parameters
    ----------
    gain_db
        Change of level; samples are rounded to 16 bits afterwards.
    snr_db
        White noise is added at this distance below the recording's mean power; None for none.
    cut_s
        Seconds cut off at the start.
    """

    gain_db: float = 0.0
    snr_db: float | None = None
    cut_s: float = 0.0

    def wave(self, samples: Wave, rate_hz: int) -> Wave:
        """Perturb audio, shape=(n_samples,) or (n_samples, n_channels)."""
        changed = samples[round(self.cut_s * rate_hz) :] * 10 ** (self.gain_db / 20)
        if self.snr_db is not None:
            noise = np.random.default_rng(SEED).standard_normal(changed.shape)
            power = np.mean(changed**2) * 10 ** (-self.snr_db / 10)
            changed = changed + np.sqrt(power) * noise
        return changed.astype(np.float32)

    def rttm(self, path: Path) -> str:
        """Read an RTTM file, and return it in the time of the perturbed recording."""
        lines = [line for own in read_rttm(path).values() for line in own]
        turns = moved(turns_of(lines), -round(1000 * self.cut_s))
        return rttm_text(single_recording(str(path)).recording_id, turns)


def perturb_sets(source: Path, target: Path, perturbation: Perturbation) -> int:
    """Write perturbed copies of all sets below `source`; returns the number of recordings."""
    n_written = 0
    for folder in folders_below(source):
        copy = target / folder.name
        copy.mkdir(parents=True, exist_ok=True)
        for path in audio_files(folder):
            samples, rate_hz = soundfile.read(path, dtype="float32")
            wave = perturbation.wave(samples, rate_hz)
            soundfile.write(copy / f"{path.stem}.flac", wave, rate_hz, subtype="PCM_16")
            n_written += 1
        for path in folder.glob("*.rttm"):
            (copy / path.name).write_text(perturbation.rttm(path), encoding="utf-8")
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
    perturbation = Perturbation(options.gain_db, options.snr_db, options.cut_s)
    try:
        n_written = perturb_sets(options.source, options.target, perturbation)
    except (ListError, RttmError, OSError, soundfile.SoundFileError) as error:
        print(f"perturb: {error}", file=sys.stderr)
        return 1
    print(f"{n_written} recordings written to {options.target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
