"""Scoring a run's answers against reference RTTM.

md-eval walks over the recordings of the reference. So a recording that is missing from the answers
counts as missed altogether, and one without reference is not seen. False alarms before the first
and after the last reference turn are not counted, as in every md-eval score made without a UEM
file.
"""

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from formats.rttm import RttmError, is_turn, read_rttm
from scoring.md_eval import Score, ScoringError, run_md_eval

COLLARS_S = (0.25, 0.0)
_CHANNEL_COLUMN = 2


def read_reference(path: Path) -> dict[str, list[str]]:
    """Read the reference RTTM lines of each recording that has speech there.

    Parameters
    ----------
    path : Path
        One RTTM file, or a folder of `*.rttm`.

    Raises
    ------
    ScoringError
        If nothing can be read there, a line is no RTTM, or two files speak of one recording.
    """
    try:
        lines = read_rttm(path, "reference")
    except RttmError as error:
        raise ScoringError(str(error)) from error
    return {name: own for name, own in lines.items() if any(map(is_turn, own))}


class Scorer:
    """Scores recordings that have a reference.

    Parameters
    ----------
    md_eval : Path
        Where md-eval.pl is.
    reference : Mapping[str, list[str]]
        RTTM lines of each recording, from `read_reference`.
    """

    def __init__(self, md_eval: Path, reference: Mapping[str, list[str]]) -> None:
        self._md_eval = md_eval
        self._reference = reference

    def with_reference(self, recording_ids: Iterable[str]) -> list[str]:
        """Pick the recordings that can be scored, in the order given."""
        return [name for name in recording_ids if name in self._reference]

    def lines_of(self, recording_id: str) -> list[str] | None:
        """RTTM lines of a recording's reference, or None where it has none."""
        return self._reference.get(recording_id)

    def without_reference(self, recording_ids: Iterable[str]) -> list[str]:
        """Pick the recordings that cannot be scored, in the order given."""
        return [name for name in recording_ids if name not in self._reference]

    def scores(self, rttms: Mapping[str, bytes]) -> list[Score]:
        """Score the recordings of `rttms` that have a reference, once for each collar.

        Parameters
        ----------
        rttms : Mapping[str, bytes]
            RTTM of each recording by id; an empty one counts as all missed.

        Raises
        ------
        ScoringError
            If no recording has a reference, or md-eval gives no score.
        """
        scored = self.with_reference(rttms)
        if not scored:
            raise ScoringError("no recording of this run has speech in the reference")
        with tempfile.TemporaryDirectory(prefix="md-eval-") as folder:
            reference, hypothesis = Path(folder, "reference.rttm"), Path(folder, "answers.rttm")
            _write(reference, [line for name in scored for line in self._reference[name]])
            _write(
                hypothesis,
                [line for name in scored for line in self._on_its_channel(name, rttms[name])],
            )
            return [
                run_md_eval(self._md_eval, reference, hypothesis, collar_s)
                for collar_s in COLLARS_S
            ]

    def _on_its_channel(self, recording_id: str, rttm: bytes) -> list[str]:
        """Put an answer on the one channel of its reference: md-eval compares no others.

        A reference of several channels leaves the answer as it is.
        """
        turns = [
            line.split() for line in rttm.decode(errors="replace").splitlines() if line.strip()
        ]
        reference = filter(is_turn, self._reference[recording_id])
        channels = {line.split()[_CHANNEL_COLUMN] for line in reference}
        if len(channels) == 1:
            turns = [[*turn[:_CHANNEL_COLUMN], *channels, *turn[3:]] for turn in turns]
        return [" ".join(turn) for turn in turns]


def _write(path: Path, lines: list[str]) -> None:
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
