"""A run: send all recordings, write their results, link their speakers, score."""

import argparse
import contextlib
import functools
import sys
from collections.abc import Generator
from dataclasses import dataclass

from console.options import request_parameters
from console.run_report import RunReport, log
from formats.answer_texts import needed_outputs, texts_of
from formats.atomic_file import OutputError
from formats.output import Sink, print_scores_line
from formats.result import FormatError
from inputs.audio_files import Stopped, encoded_bytes, needs_channels
from inputs.recordings import Recording
from scoring.scores import Scorer, ScoringError
from sending.access import Access
from sending.in_flight import Retries, defer_interrupt, diarize_all
from sending.outcome import Answer, Failure, Outcome
from sending.resume import Notes
from sending.service import Service
from voices.database import FileError
from voices.naming import Naming


@dataclass(kw_only=True)
class Run:
    """A run that is ready to start.

    Parameters
    ----------
    recordings
        All of them, in order.
    tokens
        Formats in which results are written, including those of standard output.
    sink
        Where results are written.
    scorer
        Compares them with a reference, if there is one.
    access
        Headers and encryption of the connection.
    report
        What the user sees.
    retries
        Which failures are sent again.
    naming
        Gives speakers the names of enrolled or linked voices.
    notes
        What --resume needs to know, in the output directory.
    rttms
        Results by recording id; with --resume those of an earlier run to begin with.
    """

    recordings: list[Recording]
    tokens: list[str]
    sink: Sink
    scorer: Scorer | None
    access: Access
    report: RunReport
    retries: Retries
    naming: Naming
    notes: Notes | None
    rttms: dict[str, bytes]

    @property
    def ids(self) -> list[str]:
        """Ids of all recordings, in order."""
        return [recording.recording_id for recording in self.recordings]

    @property
    def missing(self) -> list[Recording]:
        """Recordings without a result so far, in order."""
        return [each for each in self.recordings if each.recording_id not in self.rttms]

    def connect(self, options: argparse.Namespace, url: str = "") -> Service:
        """Connect to the service, or to one server of it, to ask for what this run needs."""
        return Service(
            url or options.url,
            options.model_name,
            options.timeout,
            request_parameters(options),
            self.access,
            [*needed_outputs(self.tokens), *self.naming.outputs],
        )

    def write(self, answer: Answer) -> None:
        """Write an answer in all formats; with a scorer, reports mark the errors."""
        name = answer.recording.recording_id
        texts = texts_of(answer, self.tokens, self.scorer.lines_of(name) if self.scorer else None)
        if self.notes:
            self.notes.note(answer, texts)
        self.sink.put(name, texts)
        self.rttms[name] = answer.rttm

    def discard_outdated(self) -> list[Recording]:
        """Discard results of an earlier run whose networks differ from the service's now."""
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
        """Log the recordings without reference, and return their number."""
        unscored = scorer.without_reference(self.ids)
        if unscored:
            log.warning("not scored, no speech of theirs in the reference: %s", ", ".join(unscored))
        return len(unscored)


def diarize_and_score(options: argparse.Namespace, run: Run) -> bool:
    """Send, write and score all; return whether all were diarized, and scored if asked for."""
    return write_and_score(options, run, _outcomes(options, run))


def write_and_score(
    options: argparse.Namespace, run: Run, outcomes: Generator[Outcome, None, None]
) -> bool:
    """Write each outcome as it comes, then what covers all; return whether nothing failed."""
    with contextlib.closing(outcomes):
        for outcome in outcomes:
            _take(outcome, run)
    linked = _link_speakers(run)
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
    scored = _score(options, run, run.scorer) if run.scorer else True
    return scored and linked and not run.missing


def _outcomes(options: argparse.Namespace, run: Run) -> Generator[Outcome, None, None]:
    """Yield the outcome of every recording.

    Files of an earlier run stay as they are until the service is known to be ready.
    """
    problems = {recording: recording.file_problem for recording in run.missing}
    present = [recording for recording, problem in problems.items() if problem is None]
    keep_channels = needs_channels(request_parameters(options))
    with run.connect(options) as service:
        if present:
            service.check()
        run.sink.begin()
        yield from (
            Failure(recording, problem) for recording, problem in problems.items() if problem
        )
        with defer_interrupt() as interrupted:

            def stopped() -> bool:
                run.report.tick()  # this is called often
                return interrupted()

            load = functools.partial(_load, run, keep_channels, stopped)
            yield from diarize_all(service, present, load, options.jobs, stopped, run.retries)
            again = run.discard_outdated()
            yield from diarize_all(service, again, load, options.jobs, stopped, run.retries)


def _load(run: Run, keep_channels: bool, stopped: Stopped, recording: Recording) -> bytes:
    if run.notes:
        run.notes.note_audio(recording)
    audio = encoded_bytes(recording.path, keep_channels=keep_channels, stopped=stopped)
    log.debug("%s: sending %d bytes of %s", recording.recording_id, len(audio), recording.path)
    run.report.sent(recording.recording_id, len(audio))
    return audio


def _take(outcome: Outcome, run: Run) -> None:
    """Write an answer or report a failure; an answer that cannot be written is a failure too."""
    recording = outcome.recording
    if isinstance(outcome, Answer):
        try:
            outcome = run.naming.name_speakers(outcome)
            run.write(outcome)
        except (FormatError, OutputError, FileError) as error:
            outcome = Failure(recording, str(error))
        else:
            run.report.done(outcome)
            return
    run.report.failed(outcome)
    try:
        run.naming.forget(recording.recording_id)
        run.sink.drop(recording.recording_id, outcome.reason)
    except (OutputError, FileError) as error:
        log.warning("%s", error)


def _link_speakers(run: Run) -> bool:
    """Write all results again with linked names; return whether that worked for all."""
    done = [each for each in run.recordings if each.recording_id in run.rttms]
    all_written = True
    for answer in run.naming.link_answers(done):
        name = answer.recording.recording_id
        try:
            run.write(answer)
        except (FormatError, OutputError) as error:
            log.error("%s: its speakers keep their unlinked names: %s", name, error)
            all_written = False
            continue
        run.report.renamed(answer)
    return all_written


def _score(options: argparse.Namespace, run: Run, scorer: Scorer) -> bool:
    """Print the scores; return False if there are none."""
    if not run.rttms:
        log.error("no score: no recording was diarized")
        return False
    n_scored = len(run.ids) - run.warn_of_unscored(scorer)
    missed = scorer.with_reference(each.recording_id for each in run.missing)
    if missed:
        log.warning("scored as missed completely, since they failed: %s", ", ".join(missed))
    try:
        scores = scorer.scores({**run.rttms, **dict.fromkeys(missed, b"")})
    except ScoringError as error:
        log.error("no score: %s", error)
        return False
    log.info("scored: %d of %d recordings", n_scored, len(run.ids))
    if options.json:
        print_scores_line(scores, n_scored)
    else:  # results on standard output must not be mixed with anything else
        print(*scores, sep="\n", file=sys.stdout if options.output_directory else sys.stderr)
    return True
