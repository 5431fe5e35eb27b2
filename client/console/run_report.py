"""What the user sees of a run, on standard error: a bar and a summary, or plain log lines."""

import contextlib
import logging
import math
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tqdm import tqdm

from console.progress import Progress, progress_text
from console.summary import Screen, list_summary, recording_summary
from console.text import shown
from formats.result import more_speakers
from inputs.recordings import Recording
from sending.outcome import Answer, Failure

log = logging.getLogger("diarization_client")
# The description says what is done and left; tqdm's own figures would be in percent.
_BAR = "{percentage:3.0f} % |{bar}| {desc}, {elapsed} so far"
_PERCENT = 100
DEFAULT_COLUMNS = 80
MAX_PROBLEMS = 20


class _AboveTheBar(logging.Handler):
    """Writes log lines above a progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        # Escaped, since names of files and a server's messages may hold any character.
        # sys.stderr is looked up for each line, since it may be redirected at any time.
        tqdm.write(shown(self.format(record)), file=sys.stderr)


def set_up_logging(verbose: bool, quiet: bool = False) -> None:
    """Send log lines to standard error: `verbose` adds debug lines, `quiet` leaves only errors."""
    if sys.stderr is None:  # closed, as by `2>&-`; nothing may go to standard output instead
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - until the program ends
    handler = _AboveTheBar()
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    log.handlers = [handler]
    log.propagate = False
    log.setLevel(logging.ERROR if quiet else logging.DEBUG if verbose else logging.INFO)


def log_problems(error: Exception) -> None:
    """Log why a run cannot start or continue: a line for each reason, up to MAX_PROBLEMS."""
    problems = getattr(error, "problems", [error])
    for problem in problems[:MAX_PROBLEMS]:
        log.error("%s", problem)
    if len(problems) > MAX_PROBLEMS:
        log.error("... and %d more", len(problems) - MAX_PROBLEMS)


def is_interactive(quiet: bool) -> bool:
    """Whether to show a bar and a summary: on a terminal, unless --quiet."""
    return sys.stderr.isatty() and not quiet


class RunReport:
    """Counts and reports outcomes.

    Parameters
    ----------
    n_recordings
        Number of recordings of the run.
    n_earlier
        How many of them were done by an earlier run, and have no outcome in this one.
    progress
        Of the others, if a bar and a summary are shown.
    clock
        Monotonic, in seconds.
    parameters
        Request parameters of every recording.
    """

    def __init__(
        self,
        n_recordings: int,
        n_earlier: int = 0,
        progress: Progress | None = None,
        clock: Callable[[], float] = time.monotonic,
        parameters: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self._n_recordings = n_recordings
        self._n_earlier = n_earlier
        self._answers: dict[str, Answer] = {}
        self._failures: list[Failure] = []
        self._progress = progress
        self._clock = clock
        self._parameters = parameters
        self._started_s = clock()
        self._bar = tqdm(
            total=_PERCENT,
            bar_format=_BAR,
            file=sys.stderr,
            disable=progress is None,
            leave=False,
            **bar_width(),
        )
        self.tick()

    def tick(self) -> None:
        """Update the bar; to be called a few times a second."""
        if self._progress:
            status = self._progress.status()
            self._bar.n = status.fraction * _PERCENT
            self._bar.set_description_str(progress_text(status))

    def sent(self, recording_id: str, n_bytes: int) -> None:
        """Note that a recording is handed to gRPC."""
        if self._progress:
            self._progress.sent(recording_id, n_bytes)
            self.tick()

    def again(self, recordings: Sequence[Recording]) -> None:
        """Warn that results of an earlier run are made again, with other networks."""
        if not recordings:
            return
        self._n_earlier -= len(recordings)
        if self._progress:
            self._progress.add({each.recording_id: None for each in recordings})
        log.warning(
            "%d result(s) made again, since the service has other networks now",
            len(recordings),
        )

    def done(self, answer: Answer) -> None:
        """Report an answer, with a bar only if --verbose, and whether speakers may be missing."""
        recording_id = answer.recording.recording_id
        self._answers[recording_id] = answer
        if self._progress:
            self._progress.answered(recording_id, answer.audio_s)
            self.tick()
        log.log(
            logging.DEBUG if self._progress else logging.INFO,
            "%s: %s%d speaker(s), took %.1f s",
            recording_id,
            "" if answer.audio_s is None else f"{answer.audio_s:.1f} s of audio, ",
            answer.n_speakers,
            answer.elapsed_s,
        )
        log.debug("%s: INFO %s", recording_id, dict(answer.info))
        if (doubt := answer.doubt) and doubt.more_speakers_likely:
            text = more_speakers(doubt, f"the {answer.n_speakers} found", answer.n_separate)
            log.warning("%s: %s%s", recording_id, text, _remedy(answer, self._parameters))

    def renamed(self, answer: Answer) -> None:
        """Replace an answer by the one with linked names, for the summary."""
        recording_id = answer.recording.recording_id
        if earlier := self._answers.get(recording_id):
            self._answers[recording_id] = replace(earlier, rttm=answer.rttm)

    def failed(self, failure: Failure) -> None:
        """Report a failure."""
        self._failures.append(failure)
        if self._progress:
            self._progress.failed(failure.recording.recording_id)
            self.tick()
        log.error("%s", _sentence(failure))

    def close(self, interrupted: bool = False) -> None:
        """Close the bar and print the summary."""
        self._bar.close()
        n_done, n_failed = len(self._answers), len(self._failures)
        counts = f"{n_done} done, {n_failed} failed"
        if self._n_earlier:
            counts += f", {self._n_earlier} done by an earlier run"
        if interrupted:
            n_left = self._n_recordings - self._n_earlier - n_done - n_failed
            log.error("interrupted: %s, %d left", counts, n_left)
            return
        if self._progress:
            tqdm.write("\n".join(self._summary()), file=sys.stderr)
        else:
            log.info("%s", counts)
        if n_failed and self._n_recordings > 1:
            failed_ids = ", ".join(each.recording.recording_id for each in self._failures)
            log.error("failed: %s", failed_ids)

    def _summary(self) -> list[str]:
        answers = list(self._answers.values())
        if self._n_recordings == 1 and answers:
            return recording_summary(answers[0], _screen())
        elapsed_s = self._clock() - self._started_s
        return list_summary(answers, len(self._failures), self._n_earlier, elapsed_s)


def _screen() -> Screen:
    """Find out what the terminal can show; NO_COLOR as in https://no-color.org."""
    try:
        "█".encode(sys.stderr.encoding or "ascii")
    except UnicodeEncodeError:
        in_unicode = False
    else:
        in_unicode = True
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") in (None, "dumb")
    return Screen(_terminal_columns() or DEFAULT_COLUMNS, in_unicode, not plain)


def bar_width() -> dict[str, Any]:
    """Follow the terminal's width; tqdm shows nothing on terminals without one."""
    return {"dynamic_ncols": True} if _terminal_columns() else {"ncols": DEFAULT_COLUMNS}


def _terminal_columns() -> int:
    # Not shutil's, which is that of standard output: that may be a pipe.
    with contextlib.suppress(OSError):
        return os.get_terminal_size(sys.stderr.fileno()).columns
    return 0


def _remedy(answer: Answer, parameters: Mapping[str, Any]) -> str:
    """Return how to request more speakers; nothing for separate channels.

    There a requested number applies to every channel, but only some may lack speakers.
    """
    if answer.n_separate is not None:
        return ""
    if "num_speakers" in parameters:
        return "; a greater --num_speakers asks for more"
    if answer.n_speakers >= parameters.get("max_speakers", math.inf):
        return "; a greater --max_speakers allows more"
    return "; --min_speakers or --num_speakers asks for more"


def _sentence(failure: Failure) -> str:
    return f"{failure.recording.recording_id}: {failure.recording.place}{failure.reason}"
