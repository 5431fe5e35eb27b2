"""Prepare a run from its options, and find out all that can be wrong before anything is sent."""

import argparse
import contextlib
import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from console.options import refuse_list, request_parameters
from console.progress import Progress
from console.run_report import RunReport, is_interactive, log
from console.text import EXPECTED_IN_IDS, hours
from formats.answer_texts import REPORT, refuse_file_names
from formats.atomic_file import OutputError
from formats.output import (
    LINES_FORMAT,
    JsonLines,
    RttmFolder,
    Sink,
    StandardOutput,
)
from inputs.audio_files import AudioError, audio_length_s
from inputs.recordings import (
    STANDARD_INPUT_ID,
    ListError,
    Recording,
    find_recordings,
    read_wav_scp,
    spool_standard_input,
)
from live.sources import recording_of
from scoring.scores import Scorer, ScoringError, find_md_eval, read_reference
from sending.access import AccessError, access
from sending.in_flight import Backoff, Retries
from sending.resume import Notes
from sending.run import Run
from voices.matching import EnrolledVoices
from voices.naming import KeptAnswers, Naming
from voices.store import VoiceStore
from voices.voice import VoicesError

CANNOT_START = (ListError, ScoringError, OutputError, AccessError, VoicesError)


def prepare_run(
    options: argparse.Namespace, backoff: Backoff, until_the_end: contextlib.ExitStack
) -> Run:
    """Check the options, and put together what a run needs.

    Temporary files are removed when `until_the_end` closes.

    Raises
    ------
    One of CANNOT_START
        With a sentence for each reason.
    """
    connection = access(options)
    recordings = _recordings(options, until_the_end)
    scorer = None
    if options.reference:
        scorer = Scorer(find_md_eval(options.md_eval), read_reference(options.reference))
    sink = _sink(options, recordings)
    naming = _naming(options)
    folder = options.output_directory
    notes = Notes(folder, _settings(options)) if folder and not options.stream else None
    rttms: dict[str, bytes] = {}
    if options.resume and notes:
        rttms = naming.reusable(recordings, notes.kept(recordings, sink.files_of))
    return Run(
        recordings=recordings,
        tokens=_tokens(options),
        sink=sink,
        scorer=scorer,
        access=connection,
        report=_report(options, recordings, rttms),
        retries=Retries(options.retry_for, backoff),
        naming=naming,
        notes=notes,
        rttms=rttms,
    )


@dataclass(frozen=True)
class _Checked:
    """A recording, and its length in seconds if the header has it, or its problem."""

    recording: Recording
    length_s: float | None = None
    problem: str | None = None


def dry_run(options: argparse.Namespace, run: Run) -> bool:
    """Report what a run would send and write, and check that the service is ready.

    Returns
    -------
    bool
        Whether no problem was found with any recording or with the scores.

    Raises
    ------
    ServiceError
        If the service is not ready.
    """
    for recording_id in run.rttms:
        log.info("%s: done by an earlier run", recording_id)
    checked = [_check(recording) for recording in run.missing]
    for each in checked:
        _log_checked(each, run)
    good = [each for each in checked if each.problem is None]
    log.info(
        "would send %d of %d recording(s), %s of audio%s; nothing was sent or written",
        len(good),
        len(run.recordings),
        hours(sum(each.length_s or 0 for each in good)),
        "" if all(each.length_s is not None for each in good) else " and more of unknown length",
    )
    scored = run.scorer is None or _has_reference(run, run.scorer)
    if any(each.recording.file_problem is None for each in checked):
        with run.connect(options) as service:
            service.check()
        log.info("the service at %s is ready", options.url)
    return scored and len(good) == len(checked)


def _recordings(
    options: argparse.Namespace, until_the_end: contextlib.ExitStack
) -> list[Recording]:
    if options.stream:
        return [recording_of(options.stream, options.data_dir, options.recording_id)]
    if options.wavscp:
        return read_wav_scp(options.wavscp, options.data_dir)
    recordings = find_recordings(
        options.audio_file,
        options.data_dir,
        options.recording_id,
        functools.partial(spool_standard_input, until_the_end),
    )
    refuse_list(options, len(recordings))
    if not options.recording_id:
        _warn_of_changed_ids(recordings)
    return recordings


def _warn_of_changed_ids(recordings: list[Recording]) -> None:
    for recording in recordings:
        if recording.recording_id not in (recording.path.stem, STANDARD_INPUT_ID):
            log.warning(
                "%r gets the recording id %s: ids hold %s",
                str(recording.path),
                recording.recording_id,
                EXPECTED_IN_IDS,
            )


def _sink(options: argparse.Namespace, recordings: list[Recording]) -> Sink:
    if not options.output_directory:
        return JsonLines(Sink()) if options.json else StandardOutput(options.format[0])
    tokens = _file_tokens(options)
    refuse_file_names(recordings, tokens)
    folder = RttmFolder(options.output_directory, tokens, make=not options.dry_run)
    return JsonLines(folder) if options.json else folder


def _file_tokens(options: argparse.Namespace) -> list[str]:
    return [*options.format, *([REPORT] if options.report else [])]


def _tokens(options: argparse.Namespace) -> list[str]:
    """Formats of the files, and that of --json's lines."""
    return list(dict.fromkeys([*_file_tokens(options), *([LINES_FORMAT] if options.json else [])]))


def _naming(options: argparse.Namespace) -> Naming:
    """Read the enrolled voices and the links; the output directory exists by now."""
    enrolled = kept = None
    if options.voices:
        voices = VoiceStore(options.voices).voices()
        if not voices:
            raise VoicesError(f"{options.voices} holds no voice, expected some made by enroll.py")
        enrolled = EnrolledVoices(voices, options.voice_threshold)
    if options.link_speakers:
        kept = KeptAnswers(options.output_directory)
    return Naming(enrolled, kept, options.voice_threshold)


def _settings(options: argparse.Namespace) -> dict[str, object]:
    """Return what a result depends on, beside its audio and the service's networks."""
    settings = {"model_name": options.model_name, **request_parameters(options)}
    if options.link_speakers:  # names are given anew in every run
        return {**settings, "link_speakers": True}
    if options.voices:
        content = hashlib.sha256(options.voices.read_bytes()).hexdigest()
        return {**settings, "voices": content, "voice_threshold": options.voice_threshold}
    return settings


def _report(
    options: argparse.Namespace, recordings: list[Recording], rttms: Mapping[str, bytes]
) -> RunReport:
    """Make the report; with a progress bar only where a user can see it."""
    n, n_earlier, parameters = len(recordings), len(rttms), request_parameters(options)
    if options.dry_run or options.stream or not is_interactive(options.quiet):
        return RunReport(n, n_earlier, parameters=parameters)
    lengths_s = {
        each.recording_id: _length_s(each) for each in recordings if each.recording_id not in rttms
    }
    return RunReport(n, n_earlier, Progress(lengths_s, options.jobs), parameters=parameters)


def _length_s(recording: Recording) -> float | None:
    with contextlib.suppress(AudioError):  # reported when it is to be sent
        return audio_length_s(recording.path)
    return None


def _check(recording: Recording) -> _Checked:
    if problem := recording.file_problem:
        return _Checked(recording, problem=problem)
    try:
        return _Checked(recording, audio_length_s(recording.path))
    except AudioError as error:
        return _Checked(recording, problem=str(error))


def _log_checked(checked: _Checked, run: Run) -> None:
    recording = checked.recording
    name = recording.recording_id
    if checked.problem is not None:
        log.error("%s: %s%s", name, recording.place, checked.problem)
        return
    length = "unknown length" if checked.length_s is None else hours(checked.length_s)
    files = ", ".join(map(str, run.sink.files_of(name))) or "standard output"
    log.info("%s: %s of %s -> %s", name, length, recording.path, files)


def _has_reference(run: Run, scorer: Scorer) -> bool:
    if not scorer.with_reference(run.ids):
        log.error("no score: no recording of this run has speech in the reference")
        return False
    run.warn_of_unscored(scorer)
    return True
