"""Score results against reference RTTM with NIST's md-eval.pl.

md-eval goes through the recordings of the reference. So a recording without a result counts as
missed completely, and one without reference is ignored. False alarms before the first and after the
last reference turn are not counted, as in every md-eval score without a UEM file.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from formats.rttm import RttmError, is_turn, read_rttm

COLLARS_S = (0.25, 0.0)
_CHANNEL_COLUMN = 2
_HERE = Path(__file__).resolve().parent
_IN_THIS_PROJECT = _HERE.parents[1] / "external_tools/SCTK-2.4.12/src/md-eval/md-eval.pl"
_IN_DEBIAN = Path("/usr/lib/sctk/bin/md-eval.pl")


class ScoringError(RuntimeError):
    """There is no score; the message is one sentence saying why."""


@dataclass(frozen=True)
class Score:
    """Diarization error rate and its parts, in percent of the scored speaker time."""

    collar_s: float
    der: float
    miss: float
    false_alarm: float
    confusion: float

    def __str__(self) -> str:
        return (
            f"DER {self.der:.2f} % (miss {self.miss:.2f}, false alarm {self.false_alarm:.2f}, "
            f"confusion {self.confusion:.2f}) at collar {self.collar_s:g} s"
        )


def find_md_eval(given: str | None) -> Path:
    """Find md-eval.pl: `given`, $MD_EVAL, in this project, on PATH, or where Debian has it.

    Raises
    ------
    ScoringError
        If it is missing, or perl is.
    """
    if shutil.which("perl") is None:
        raise ScoringError("scoring needs perl, which is not on PATH: install it")
    named = given or os.environ.get("MD_EVAL")
    if named:
        if not Path(named).is_file():
            origin = "--md_eval" if given else "the environment's MD_EVAL"
            raise ScoringError(f"{origin} names {named!r}, expected the file md-eval.pl there")
        return Path(named)
    on_path = shutil.which("md-eval.pl")
    for place in (_IN_THIS_PROJECT, Path(on_path) if on_path else None, _IN_DEBIAN):
        if place and place.is_file():
            return place
    raise ScoringError(
        "md-eval.pl is not found: run external_tools/fetch.sh (it needs no root), or name the "
        "file by --md_eval"
    )


def run_md_eval(md_eval: Path, reference: Path, hypothesis: Path, collar_s: float) -> Score:
    """Score one RTTM file against another.

    Parameters
    ----------
    md_eval, reference, hypothesis
        The scorer and two RTTM files of any number of recordings.
    collar_s
        Seconds around each boundary of the reference that are not scored.

    Raises
    ------
    ScoringError
        If md-eval fails, or nothing is left to score.
    """
    command = ["perl", str(md_eval), "-c", f"{collar_s:g}", "-r", str(reference)]
    done = subprocess.run(
        [*command, "-s", str(hypothesis)],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    if "division by zero" in done.stderr:
        raise ScoringError(f"no reference speech is left to score at collar {collar_s:g} s")
    if done.returncode:
        said = " ".join(done.stderr.split())[:300]
        raise ScoringError(f"{md_eval} failed with exit code {done.returncode}: {said}")
    return parse_report(done.stdout, collar_s)


def parse_report(report: str, collar_s: float) -> Score:
    """Parse the summary over all recordings in md-eval's report.

    Raises
    ------
    ScoringError
        If there is no such summary.
    """
    rate = r"OVERALL SPEAKER DIARIZATION ERROR = ([\d.]+) percent.*\(ALL\)"
    overall = re.search(rate, report)
    if overall is None:
        raise ScoringError("md-eval.pl printed no overall speaker diarization error")
    scored_s = _seconds(report, "SCORED SPEAKER")
    miss, false_alarm, confusion = (
        100 * _seconds(report, name) / scored_s
        for name in ("MISSED SPEAKER", "FALARM SPEAKER", "SPEAKER ERROR")
    )
    return Score(collar_s, float(overall.group(1)), miss, false_alarm, confusion)


def _seconds(report: str, name: str) -> float:
    found = re.findall(rf"^ *{name} TIME =\s*([\d.]+) secs", report, flags=re.MULTILINE)
    if not found:
        raise ScoringError(f"md-eval.pl printed no {name} TIME")
    return float(found[-1])  # the summary over all recordings comes last


def read_reference(path: Path) -> dict[str, list[str]]:
    """Read the reference RTTM lines of each recording that has speech there.

    Parameters
    ----------
    path
        One RTTM file, or a folder of `*.rttm`.

    Raises
    ------
    ScoringError
        If a file cannot be read, a line is not RTTM, or two files have lines of one recording.
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
    md_eval
        Path of md-eval.pl.
    reference
        RTTM lines of each recording, from `read_reference`.
    """

    def __init__(self, md_eval: Path, reference: Mapping[str, list[str]]) -> None:
        self._md_eval = md_eval
        self._reference = reference

    def with_reference(self, recording_ids: Iterable[str]) -> list[str]:
        """Return the recordings that can be scored, in the order given."""
        return [name for name in recording_ids if name in self._reference]

    def lines_of(self, recording_id: str) -> list[str] | None:
        """Return the RTTM lines of a recording's reference, or None."""
        return self._reference.get(recording_id)

    def without_reference(self, recording_ids: Iterable[str]) -> list[str]:
        """Return the recordings that cannot be scored, in the order given."""
        return [name for name in recording_ids if name not in self._reference]

    def scores(self, rttms: Mapping[str, bytes]) -> list[Score]:
        """Score the recordings of `rttms` that have a reference, once for each collar.

        Parameters
        ----------
        rttms
            RTTM of each recording by id; an empty one counts as missed completely.

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
        """Put an answer on the channel of its reference, since md-eval compares only equal ones.

        With a reference of several channels the answer stays as it is.
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
