"""A run that is ready to start, and how it goes: send, take, join, score."""

import argparse
import contextlib
import functools
import sys
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from console.options import request_parameters
from console.run_report import RunReport, log
from formats.answer_texts import needed_outputs, texts_of
from formats.output import OutputError, Sink, print_scores_line
from formats.result import FormatError
from inputs.audio_files import Stopped, encoded_bytes, needs_channels
from inputs.recordings import Recording
from scoring.scores import Score, Scorer, ScoringError
from sending.access import Access
from sending.in_flight import Retries, diarize_all, noted_interrupt
from sending.outcome import Answer, Failure, Outcome
from sending.resume import Notes
from sending.service import Service
from voices.database import FileError
from voices.naming import Naming

PrintScores = Callable[[Sequence[Score], int], None]


@dataclass
class Run:
    """A run that is ready to start; `rttms` collects the good answers by recording id.

    With --resume those of an earlier run are in it from the beginning. `tokens` are the formats in
    which answers are written, standard output included; `notes` are of the output directory.
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
    notes: Notes | None

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

    def keep(self, answer: Answer) -> None:
        """Write an answer in all formats."""
        texts = self.texts(answer)
        if self.notes:
            self.notes.note(answer, texts)
        self.sink.put(answer.recording.recording_id, texts)
        self.rttms[answer.recording.recording_id] = answer.rttm

    def take_back(self) -> list[Recording]:
        """Give up answers of an earlier run that other networks gave than those of this one."""
        names = self.notes.of_other_networks(self.rttms) if self.notes else set()
        again = [
            each
            for each in self.recordings
            if each.recording_id in names and each.file_problem is None
        ]
        for recording in again:
            del self.rttms[recording.recording_id]
        self.report.again(again)
        return again

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
    if run.notes:
        run.notes.tidy()
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
    problems = {recording: recording.file_problem for recording in run.missing}
    present = [recording for recording, problem in problems.items() if problem is None]
    keep_channels = needs_channels(request_parameters(options))
    with service_of(options, run) as service:
        if present:
            service.check()
        run.sink.begin()
        yield from (
            Failure(recording, problem) for recording, problem in problems.items() if problem
        )
        with noted_interrupt() as interrupted:

            def stopped() -> bool:
                run.report.tick()  # this is asked all the time
                return interrupted()

            load = functools.partial(_loaded, run, keep_channels, stopped)
            yield from diarize_all(service, present, load, options.jobs, stopped, run.retries)
            again = run.take_back()
            yield from diarize_all(service, again, load, options.jobs, stopped, run.retries)


def _loaded(run: Run, keep_channels: bool, stopped: Stopped, recording: Recording) -> bytes:
    if run.notes:
        run.notes.hear(recording)
    audio = encoded_bytes(recording.path, keep_channels=keep_channels, stopped=stopped)
    log.debug("%s: sending %d bytes of %s", recording.recording_id, len(audio), recording.path)
    run.report.sent(recording.recording_id, len(audio))
    return audio


def _take(outcome: Outcome, run: Run) -> None:
    """Keep an answer, or tell a failure; an answer that cannot be kept is a failure too."""
    recording = outcome.recording
    if isinstance(outcome, Answer):
        try:
            outcome = run.naming.named(outcome)
            run.keep(outcome)
        except (FormatError, OutputError, FileError) as error:
            outcome = Failure(recording, str(error))
        else:
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
            run.keep(answer)
        except (FormatError, OutputError) as error:
            log.error("%s: keeps the names that it has alone: %s", name, error)
            all_written = False
            continue
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
