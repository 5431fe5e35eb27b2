"""A run that is ready to start, and how it goes: send, take, join, score."""

import argparse
import contextlib
import functools
import sys
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from access import Access
from answer_texts import needed_outputs, texts_of
from audio_files import encoded_bytes, needs_channels
from formats.result import FormatError
from in_flight import diarize_all
from interrupt import noted_interrupt
from md_eval import Score, ScoringError
from option_groups.request import request_parameters
from outcome import Answer, Failure, Outcome
from retrying import Retries
from rttm_files import OutputError, Sink
from run_report import RunReport, log
from scoring import Scorer
from service import Service
from standard_output import print_scores_line
from voices.database import FileError
from voices.naming import Naming
from wav_scp import Recording

PrintScores = Callable[[Sequence[Score], int], None]


@dataclass
class Run:
    """A run that is ready to start; `rttms` collects the good answers by recording id.

    With --resume those of an earlier run are in it from the beginning. `tokens` are the formats in
    which answers are written, standard output included.
    """

    recordings: list[Recording]
    tokens: list[str]
    sink: Sink
    scorer: Scorer | None
    access: Access
    report: RunReport
    retries: Retries
    rttms: dict[str, bytes]
    naming: Naming

    @property
    def ids(self) -> list[str]:
        """Of all recordings, in order."""
        return [recording.recording_id for recording in self.recordings]

    @property
    def missing(self) -> list[Recording]:
        """Recordings without a good answer so far, in order."""
        return [each for each in self.recordings if each.recording_id not in self.rttms]

    @property
    def failed_ids(self) -> list[str]:
        """Of the recordings without a good answer so far, in order."""
        return [recording.recording_id for recording in self.missing]

    def texts(self, answer: Answer) -> dict[str, bytes]:
        """Write an answer in all formats; errors are marked in reports where there is a scorer."""
        name = answer.recording.recording_id
        reference = self.scorer.lines_of(name) if self.scorer else None
        return texts_of(answer, self.tokens, reference)

    def warn_of_unscored(self, scorer: Scorer) -> int:
        """Name the recordings without reference, and count them."""
        unscored = scorer.without_reference(self.ids)
        if unscored:
            log.warning("not scored, no speech of theirs in the reference: %s", ", ".join(unscored))
        return len(unscored)


def diarized_and_scored(options: argparse.Namespace, run: Run) -> bool:
    """Send, write and score all; whether every recording was diarized, and scored if asked."""
    with contextlib.closing(_outcomes(options, run)) as outcomes:
        for outcome in outcomes:
            _take(outcome, run)
    linked = _linked(run)
    run.report.close()
    foreign = run.sink.foreign_files(run.ids)
    if foreign:
        folder = options.output_directory
        log.warning(
            "%d rttm file(s) of other runs stay in %s, as %s", len(foreign), folder, foreign[0]
        )
    run.sink.finish(run.rttms)
    scored = True
    if run.scorer:
        scored = _scored(run, run.scorer, _scores_printer(options))
    return scored and linked and not run.failed_ids


def service_of(options: argparse.Namespace, run: Run) -> Service:
    """The service that the options name, asked for what the run needs."""
    return Service(
        options.url,
        options.model_name,
        options.timeout,
        request_parameters(options),
        run.access,
        [*needed_outputs(run.tokens), *run.naming.outputs],
    )


def _outcomes(options: argparse.Namespace, run: Run) -> Generator[Outcome, None, None]:
    """Yield the outcome of every recording.

    Nothing of an earlier run is touched before the service is known to be there.
    """
    present: list[Recording] = []
    absent: list[Recording] = []
    for recording in run.missing:
        (present if recording.path.is_file() else absent).append(recording)
    keep_channels = needs_channels(request_parameters(options))
    with service_of(options, run) as service:
        if present:
            service.check()
        run.sink.begin()
        for recording in absent:
            yield Failure(recording, f"{recording.path} is no file")
        with noted_interrupt() as interrupted:

            def stopped() -> bool:
                run.report.tick()  # this is asked all the time
                return interrupted()

            load = functools.partial(_loaded, run.report, keep_channels)
            yield from diarize_all(service, present, load, options.jobs, stopped, run.retries)


def _loaded(report: RunReport, keep_channels: bool, recording: Recording) -> bytes:
    audio = encoded_bytes(recording.path, keep_channels=keep_channels)
    log.debug("%s: sending %d bytes of %s", recording.recording_id, len(audio), recording.path)
    report.sent(recording.recording_id, len(audio))
    return audio


def _take(outcome: Outcome, run: Run) -> None:
    """Keep an answer, or tell a failure; an answer that cannot be kept is a failure too."""
    recording = outcome.recording
    if isinstance(outcome, Answer):
        try:
            outcome = run.naming.named(outcome)
            run.sink.put(recording.recording_id, run.texts(outcome))
        except (FormatError, OutputError, FileError) as error:
            outcome = Failure(recording, str(error))
        else:
            run.rttms[recording.recording_id] = outcome.rttm
            run.report.done(outcome)
            return
    run.report.failed(outcome)
    try:
        run.naming.drop(recording.recording_id)
        run.sink.drop(recording.recording_id, outcome.reason)
    except (OutputError, FileError) as error:
        log.warning("%s", error)


def _linked(run: Run) -> bool:
    """Write what was answered, in this run or an earlier one, once more; whether all could be."""
    done = [each for each in run.recordings if each.recording_id in run.rttms]
    all_written = True
    for answer in run.naming.linked(done):
        name = answer.recording.recording_id
        try:
            run.sink.put(name, run.texts(answer))
        except (FormatError, OutputError) as error:
            log.error("%s: keeps the names that it has alone: %s", name, error)
            all_written = False
            continue
        run.rttms[name] = answer.rttm
        run.report.renamed(answer)
    return all_written


def _scores_printer(options: argparse.Namespace) -> PrintScores:
    """How the scores of so many recordings are printed."""
    if options.json:
        return print_scores_line
    # Where answers go to standard output, nothing else does.
    stream = sys.stdout if options.output_directory else sys.stderr
    return lambda scores, _: print(*scores, sep="\n", file=stream)


def _scored(run: Run, scorer: Scorer, print_scores: PrintScores) -> bool:
    """Print the scores; False if there are none."""
    if not run.rttms:
        log.error("no score: no recording was diarized")
        return False
    n_scored = len(run.ids) - run.warn_of_unscored(scorer)
    missed = scorer.with_reference(run.failed_ids)
    if missed:
        log.warning("scored as missed altogether, since they failed: %s", ", ".join(missed))
    try:
        scores = scorer.scores({**run.rttms, **dict.fromkeys(missed, b"")})
    except ScoringError as error:
        log.error("no score: %s", error)
        return False
    log.info("scored: %d of %d recordings", n_scored, len(run.ids))
    print_scores(scores, n_scored)
    return True
