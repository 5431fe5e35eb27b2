"""Send recordings to the diarization service and write who spoke when, as RTTM and more.

`python client.py --help` tells all options and exit codes. The modules beside this file are the
whole client; they import nothing from the rest of the project.
"""

import argparse
import contextlib
import os
import sys
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import quiet_grpc  # noqa: F401  before anything imports gRPC
from access import Access, AccessError, access
from answer_texts import needed_outputs, refuse_file_names, texts_of
from audio_files import encoded_bytes
from client_options import SPEAKER_COUNTS, parsed_options
from formats.result import FormatError
from in_flight import diarize_all
from interrupt import noted_interrupt
from md_eval import ScoringError, find_md_eval
from outcome import Answer, Failure, Outcome
from retrying import BACKOFF, Backoff, Retries
from rttm_files import OutputError, RttmFolder, Sink, StandardOutput
from run_report import RunReport, log, set_up_logging
from scoring import Scorer, read_reference
from service import Service, ServiceError
from wav_scp import ListError, Recording, read_wav_scp, single_recording

OK, SOME_FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


@dataclass
class _Run:
    """A run that is ready to start; `rttms` collects the good answers by recording id.

    With --resume those of an earlier run are in it from the beginning. `tokens` are the formats.
    """

    recordings: list[Recording]
    tokens: list[str]
    sink: Sink
    scorer: Scorer | None
    access: Access
    report: RunReport
    retries: Retries
    rttms: dict[str, bytes]

    @property
    def ids(self) -> list[str]:
        return [recording.recording_id for recording in self.recordings]

    @property
    def missing(self) -> list[Recording]:
        """Recordings without a good answer so far, in order."""
        return [each for each in self.recordings if each.recording_id not in self.rttms]

    @property
    def failed_ids(self) -> list[str]:
        return [recording.recording_id for recording in self.missing]


def main(argv: Sequence[str] | None = None, backoff: Backoff = BACKOFF) -> int:
    """Run the client with these command-line arguments; returns the exit code.

    `backoff` is how long a recording waits until it is sent again.
    """
    options = parsed_options(argv)
    set_up_logging(options.verbose)
    try:
        run = _prepared(options, backoff)
    except (ListError, ScoringError, OutputError, AccessError) as error:
        for problem in getattr(error, "problems", [error]):
            log.error("%s", problem)
        return USAGE
    try:
        return _diarized_and_scored(options, run)
    except (ServiceError, OutputError) as error:
        log.error("%s", error)
        return SOME_FAILED
    except KeyboardInterrupt:
        run.report.close(interrupted=True)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone: python must not try to flush the rest to it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return SOME_FAILED


def _prepared(options: argparse.Namespace, backoff: Backoff) -> _Run:
    """Find out all that can be wrong before anything is sent."""
    guard = access(options)
    if options.wavscp:
        recordings = read_wav_scp(options.wavscp, options.data_dir)
    else:
        recordings = [single_recording(options.audio_file, options.data_dir)]
        _tell_changed_id(options.audio_file, recordings[0].recording_id)
    scorer = None
    if options.reference:
        scorer = Scorer(find_md_eval(options.md_eval), read_reference(options.reference))
    sink = _sink(options, recordings)
    ids = [recording.recording_id for recording in recordings]
    rttms = sink.finished(ids) if options.resume else {}
    report = RunReport(len(recordings), n_earlier=len(rttms))
    retries = Retries(options.retry_for, backoff)
    return _Run(recordings, options.format, sink, scorer, guard, report, retries, rttms)


def _sink(options: argparse.Namespace, recordings: list[Recording]) -> Sink:
    if not options.output_directory:
        return StandardOutput(options.format[0])
    refuse_file_names(recordings, options.format)
    return RttmFolder(options.output_directory, options.format)


def _tell_changed_id(audio_file: str, recording_id: str) -> None:
    if recording_id != Path(audio_file).stem:
        log.warning(
            "%r gets the recording id %s: ids hold no white space", audio_file, recording_id
        )


def _diarized_and_scored(options: argparse.Namespace, run: _Run) -> int:
    with contextlib.closing(_outcomes(options, run)) as outcomes:
        for outcome in outcomes:
            _take(outcome, run)
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
        # Where answers go to standard output, nothing else does.
        scored = _scored(run, run.scorer, sys.stdout if options.output_directory else sys.stderr)
    return OK if scored and not run.failed_ids else SOME_FAILED


def _outcomes(options: argparse.Namespace, run: _Run) -> Generator[Outcome, None, None]:
    """Yield the outcome of every recording.

    Nothing of an earlier run is touched before the service is known to be there.
    """
    present: list[Recording] = []
    absent: list[Recording] = []
    for recording in run.missing:
        (present if recording.path.is_file() else absent).append(recording)
    asked = {name: getattr(options, name) for name in ("mode", "exclusive", *SPEAKER_COUNTS)}
    parameters = {name: value for name, value in asked.items() if value is not None}
    asking = (options.url, options.model_name, options.timeout, parameters, run.access)
    with Service(*asking, needed_outputs(run.tokens)) as service:
        if present:
            service.check()
        run.sink.begin()
        for recording in absent:
            yield Failure(recording, f"{recording.path} is no file")
        with noted_interrupt() as interrupted:
            yield from diarize_all(
                service, present, _loaded, options.jobs, interrupted, run.retries
            )


def _loaded(recording: Recording) -> bytes:
    audio = encoded_bytes(recording.path)
    log.debug("%s: sending %d bytes of %s", recording.recording_id, len(audio), recording.path)
    return audio


def _take(outcome: Outcome, run: _Run) -> None:
    """Keep an answer, or tell a failure; an answer that cannot be kept is a failure too."""
    recording = outcome.recording
    if isinstance(outcome, Answer):
        try:
            run.sink.put(recording.recording_id, texts_of(outcome, run.tokens))
        except (FormatError, OutputError) as error:
            outcome = Failure(recording, str(error))
        else:
            run.rttms[recording.recording_id] = outcome.rttm
            run.report.done(outcome)
            return
    run.report.failed(outcome)
    try:
        run.sink.drop(recording.recording_id)
    except OutputError as error:
        log.warning("%s", error)


def _scored(run: _Run, scorer: Scorer, stream: TextIO) -> bool:
    """Print the scores to `stream`; False if there are none."""
    if not run.rttms:
        log.error("no score: no recording was diarized")
        return False
    unscored = scorer.without_reference(run.ids)
    if unscored:
        log.warning("not scored, no speech of theirs in the reference: %s", ", ".join(unscored))
    missed = scorer.with_reference(run.failed_ids)
    if missed:
        log.warning("scored as missed altogether, since they failed: %s", ", ".join(missed))
    try:
        scores = scorer.scores({**run.rttms, **dict.fromkeys(missed, b"")})
    except ScoringError as error:
        log.error("no score: %s", error)
        return False
    log.info("scored: %d of %d recordings", len(run.ids) - len(unscored), len(run.ids))
    for score in scores:
        print(score, file=stream)
    return True


if __name__ == "__main__":
    sys.exit(main())
