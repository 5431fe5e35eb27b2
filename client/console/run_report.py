"""What the user sees of a run: a bar and a summary on a terminal, plain log lines elsewhere.

All on standard error.
"""

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
# The text says what is done and left; tqdm's own figures would be of percents.
_BAR = "{percentage:3.0f} % |{bar}| {desc}, {elapsed} so far"
_PERCENT = 100
DEFAULT_COLUMNS = 80
MOST_PROBLEMS = 20


class _AboveTheBar(logging.Handler):
    """Writes log lines so that they do not break a progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        # Names of files, and what a server says, may hold anything.
        # sys.stderr is looked up here and now: it may have been redirected meanwhile.
        tqdm.write(shown(self.format(record)), file=sys.stderr)


def set_up_logging(verbose: bool, quiet: bool = False) -> None:
    """Send log lines to standard error.

    `verbose` adds what is sent and the service's timings; `quiet` leaves errors alone.
    """
    if sys.stderr is None:  # closed, as by `2>&-`: nothing of it may go to standard output instead
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - until the program ends
    handler = _AboveTheBar()
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    log.handlers = [handler]
    log.propagate = False
    log.setLevel(logging.ERROR if quiet else logging.DEBUG if verbose else logging.INFO)


def tell_problems(error: Exception) -> None:
    """Tell what keeps a run from going on: a line for each reason, of very many the first ones."""
    problems = getattr(error, "problems", [error])
    for problem in problems[:MOST_PROBLEMS]:
        log.error("%s", problem)
    if len(problems) > MOST_PROBLEMS:
        log.error("... and %d more", len(problems) - MOST_PROBLEMS)


def is_for_a_person(quiet: bool) -> bool:
    """Whether somebody looks on who wants a bar and a summary."""
    return sys.stderr.isatty() and not quiet


class RunReport:
    """Counts and tells outcomes.

    Parameters
    ----------
    n_recordings : int
        How many recordings the run has.
    n_earlier : int
        How many of them were done by an earlier run, and have no outcome in this one.
    progress : Progress | None
        Of the others, where a bar and a summary are wanted.
    clock : Callable[[], float]
        Seconds that only go forward.
    asked : Mapping[str, Any]
        Request parameters that went with every recording.
    """

    def __init__(
        self,
        n_recordings: int,
        n_earlier: int = 0,
        progress: Progress | None = None,
        clock: Callable[[], float] = time.monotonic,
        asked: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self._n_recordings = n_recordings
        self._n_earlier = n_earlier
        self._answers: dict[str, Answer] = {}
        self._failures: list[Failure] = []
        self._progress = progress
        self._clock = clock
        self._asked = asked
        self._started_s = clock()
        self._bar = tqdm(
            total=_PERCENT,
            bar_format=_BAR,
            file=sys.stderr,
            disable=progress is None,
            leave=False,
            **_bar_width(),
        )
        self.tick()

    def tick(self) -> None:
        """Bring the bar up to date; to be called a few times a second."""
        if self._progress:
            standing = self._progress.now()
            self._bar.n = standing.fraction * _PERCENT
            self._bar.set_description_str(progress_text(standing))

    def sent(self, recording_id: str, n_bytes: int) -> None:
        """Note that a recording is handed to gRPC."""
        if self._progress:
            self._progress.sent(recording_id, n_bytes)
            self.tick()

    def again(self, recordings: Sequence[Recording]) -> None:
        """Tell which results of an earlier run are made again, with other networks."""
        if not recordings:
            return
        self._n_earlier -= len(recordings)
        if self._progress:
            self._progress.more({each.recording_id: None for each in recordings})
        log.warning(
            "%d result(s) made again, since the service has other networks now",
            len(recordings),
        )

    def done(self, answer: Answer) -> None:
        """Tell one answer, beside a bar only to those who want it verbose; and its doubt."""
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
            log.warning("%s: %s%s", recording_id, text, _remedy(answer, self._asked))

    def renamed(self, answer: Answer) -> None:
        """Sum up with the names that the speakers of an answer have in the end."""
        recording_id = answer.recording.recording_id
        if earlier := self._answers.get(recording_id):
            self._answers[recording_id] = replace(earlier, rttm=answer.rttm)

    def failed(self, failure: Failure) -> None:
        """Tell one failure."""
        self._failures.append(failure)
        if self._progress:
            self._progress.failed(failure.recording.recording_id)
            self.tick()
        log.error("%s", _sentence(failure))

    def close(self, interrupted: bool = False) -> None:
        """End the bar and sum up."""
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
    """What the terminal can show; https://no-color.org says how people do without colours."""
    try:
        "█".encode(sys.stderr.encoding or "ascii")
    except UnicodeEncodeError:
        in_unicode = False
    else:
        in_unicode = True
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") in (None, "dumb")
    return Screen(_terminal_columns() or DEFAULT_COLUMNS, in_unicode, not plain)


def _bar_width() -> dict[str, Any]:
    """That of the terminal, as it is changed; tqdm shows nothing where one has no width."""
    return {"dynamic_ncols": True} if _terminal_columns() else {"ncols": DEFAULT_COLUMNS}


def _terminal_columns() -> int:
    # Not of standard output, as shutil has it: that may be a pipe.
    with contextlib.suppress(OSError):
        return os.get_terminal_size(sys.stderr.fileno()).columns
    return 0


def _remedy(answer: Answer, asked: Mapping[str, Any]) -> str:
    """Say how to ask for more speakers than were found; nothing of separate channels.

    A number that is asked for holds on every channel, and speakers are overlooked on some.
    """
    if answer.n_separate is not None:
        return ""
    if "num_speakers" in asked:
        return "; a greater --num_speakers asks for more"
    if answer.n_speakers >= asked.get("max_speakers", math.inf):
        return "; a greater --max_speakers allows more"
    return "; --min_speakers or --num_speakers asks for more"


def _sentence(failure: Failure) -> str:
    return f"{failure.recording.recording_id}: {failure.recording.place}{failure.reason}"
