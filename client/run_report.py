"""What the user sees of a run: a progress bar on a terminal, plain log lines elsewhere.

Both go to standard error.
"""

import logging
import sys

from tqdm import tqdm

from outcome import Answer, Failure

log = logging.getLogger("diarization_client")


class _AboveTheBar(logging.Handler):
    """Writes log lines so that they do not break a progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        # sys.stderr is looked up here and now: it may have been redirected meanwhile.
        tqdm.write(self.format(record), file=sys.stderr)


def set_up_logging(verbose: bool) -> None:
    """Send log lines to standard error; `verbose` adds what is sent and the service's timings."""
    handler = _AboveTheBar()
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    log.handlers = [handler]
    log.propagate = False
    log.setLevel(logging.DEBUG if verbose else logging.INFO)


class RunReport:
    """Counts and tells outcomes.

    Parameters
    ----------
    n_recordings : int
        How many recordings the run has.
    n_earlier : int
        How many of them were done by an earlier run, and have no outcome in this one.
    """

    def __init__(self, n_recordings: int, n_earlier: int = 0) -> None:
        self._n_recordings = n_recordings
        self._n_earlier = n_earlier
        self._n_done = 0
        self._failures: list[Failure] = []
        self._show_bar = sys.stderr.isatty()
        self._bar = tqdm(
            total=n_recordings,
            initial=n_earlier,
            unit="recording",
            file=sys.stderr,
            disable=not self._show_bar,
        )

    def done(self, answer: Answer) -> None:
        """Tell one answer; beside a bar only to those who want it verbose."""
        self._n_done += 1
        self._bar.update()
        log.log(
            logging.DEBUG if self._show_bar else logging.INFO,
            "%s: %s%d speaker(s), took %.1f s",
            answer.recording.recording_id,
            "" if answer.audio_s is None else f"{answer.audio_s:.1f} s of audio, ",
            answer.n_speakers,
            answer.elapsed_s,
        )
        log.debug("%s: INFO %s", answer.recording.recording_id, dict(answer.info))

    def failed(self, failure: Failure) -> None:
        """Tell one failure."""
        self._failures.append(failure)
        self._bar.update()
        log.error("%s", _sentence(failure))

    def close(self, interrupted: bool = False) -> None:
        """End the bar and sum up."""
        self._bar.close()
        n_failed = len(self._failures)
        counts = f"{self._n_done} done, {n_failed} failed"
        if self._n_earlier:
            counts += f", {self._n_earlier} done by an earlier run"
        if interrupted:
            n_left = self._n_recordings - self._n_earlier - self._n_done - n_failed
            log.error("interrupted: %s, %d left", counts, n_left)
            return
        log.info("%s", counts)
        if n_failed and self._n_recordings > 1:
            failed_ids = ", ".join(each.recording.recording_id for each in self._failures)
            log.error("failed: %s", failed_ids)


def _sentence(failure: Failure) -> str:
    return f"{failure.recording.recording_id}: {failure.recording.place}{failure.reason}"
