"""Finding and running NIST's md-eval.pl, and reading its report."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

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
    """Find md-eval.pl: `given`, else $MD_EVAL, else the project's own, else PATH's, else Debian's.

    Raises
    ------
    ScoringError
        If it is not there, or perl is not.
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
    md_eval, reference, hypothesis : Path
        The scorer and the two RTTM files, each of any number of recordings.
    collar_s : float
        Seconds around each reference turn's ends that are not scored.

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
    """Read the summary over all recordings in what md-eval printed for `collar_s`.

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
