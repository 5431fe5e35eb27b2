"""From options to a run that can start, or all reasons why it cannot.

What a run would do, and all that would go wrong as far as one can know without sending audio.
"""

import argparse
import contextlib
import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from console.options import refuse_list, request_parameters
from console.progress import Progress
from console.run_report import RunReport, is_for_a_person, log
from console.text import EXPECTED_IN_IDS, hours
from formats.answer_texts import REPORT, refuse_file_names
from formats.output import (
    LINES_FORMAT,
    JsonLines,
    NoFiles,
    OutputError,
    RttmFolder,
    Sink,
    StandardOutput,
)
from inputs.audio_files import AudioError, audio_length_s
from inputs.recordings import (
    STANDARD_INPUT_ID,
    ListError,
    Recording,
    named_recordings,
    read_wav_scp,
    spooled,
)
from scoring.scores import Scorer, ScoringError, find_md_eval, read_reference
from sending.access import AccessError, access
from sending.in_flight import Backoff, Retries
from sending.resume import Notes
from sending.run import Run, service_of
from voices.known import KnownVoices
from voices.link_memory import LinkMemory
from voices.naming import Naming
from voices.store import VoiceStore
from voices.voice import VoicesError

CANNOT_START = (ListError, ScoringError, OutputError, AccessError, VoicesError)


def prepared(
    options: argparse.Namespace, backoff: Backoff, until_the_end: contextlib.ExitStack
) -> Run:
    """Find out all that can be wrong before anything is sent.

    What has to be removed when the program ends is left to `until_the_end`.

    Raises
    ------
    One of CANNOT_START
        With a sentence for each reason.
    """
    guard = access(options)
    recordings = _recordings(options, until_the_end)
    scorer = None
    if options.reference:
        scorer = Scorer(find_md_eval(options.md_eval), read_reference(options.reference))
    sink = _sink(options, recordings)
    naming = _naming(options)
    folder = options.output_directory
    notes = Notes(folder, _settings(options)) if folder else None
    rttms: dict[str, bytes] = {}
    if options.resume and notes:
        rttms = naming.finished(recordings, notes.kept(recordings, sink.files_of))
    report = _report(options, recordings, rttms)
    retries = Retries(options.retry_for, backoff)
    tokens = _tokens(options)
    return Run(recordings, tokens, sink, scorer, guard, report, retries, rttms, naming, notes)


def _report(
    options: argparse.Namespace, recordings: list[Recording], rttms: Mapping[str, bytes]
) -> RunReport:
    """A report that looks at all lengths where somebody looks at them."""
    asked = request_parameters(options)
    if options.dry_run or not is_for_a_person(options.quiet):
        return RunReport(len(recordings), len(rttms), asked=asked)
    lengths_s = {
        each.recording_id: _length_s(each) for each in recordings if each.recording_id not in rttms
    }
    progress = Progress(lengths_s, options.jobs)
    return RunReport(len(recordings), len(rttms), progress, asked=asked)


def _length_s(recording: Recording) -> float | None:
    with contextlib.suppress(AudioError):  # told when it is to be sent
        return audio_length_s(recording.path)
    return None


def _sink(options: argparse.Namespace, recordings: list[Recording]) -> Sink:
    if not options.output_directory:
        return JsonLines(NoFiles()) if options.json else StandardOutput(options.format[0])
    tokens = _file_tokens(options)
    refuse_file_names(recordings, tokens)
    folder = RttmFolder(options.output_directory, tokens, make=not options.dry_run)
    return JsonLines(folder) if options.json else folder


def _naming(options: argparse.Namespace) -> Naming:
    """Read who is enrolled; the folder for links is there by now."""
    known = memory = None
    if options.voices:
        voices = VoiceStore(options.voices).voices()
        if not voices:
            raise VoicesError(f"{options.voices} holds no voice, expected some made by enroll.py")
        known = KnownVoices(voices, options.voice_threshold)
    if options.link_speakers:
        memory = LinkMemory(options.output_directory)
    return Naming(known, memory, options.voice_threshold)


def _settings(options: argparse.Namespace) -> dict[str, object]:
    """What decides answers, beside their audio and the service's networks."""
    settings = {"model_name": options.model_name, **request_parameters(options)}
    if options.link_speakers:  # which names all anew
        return {**settings, "link_speakers": True}
    if options.voices:
        content = hashlib.sha256(options.voices.read_bytes()).hexdigest()
        return {**settings, "voices": content, "voice_threshold": options.voice_threshold}
    return settings


def _file_tokens(options: argparse.Namespace) -> list[str]:
    return [*options.format, *([REPORT] if options.report else [])]


def _tokens(options: argparse.Namespace) -> list[str]:
    """Formats of files, and that of lines."""
    return list(dict.fromkeys([*_file_tokens(options), *([LINES_FORMAT] if options.json else [])]))


def _recordings(
    options: argparse.Namespace, until_the_end: contextlib.ExitStack
) -> list[Recording]:
    if options.wavscp:
        return read_wav_scp(options.wavscp, options.data_dir)
    recordings = named_recordings(
        options.audio_file,
        options.data_dir,
        options.recording_id,
        functools.partial(spooled, until_the_end),
    )
    refuse_list(options, len(recordings))
    if not options.recording_id:
        _tell_changed_ids(recordings)
    return recordings


def _tell_changed_ids(recordings: list[Recording]) -> None:
    for recording in recordings:
        if recording.recording_id not in (recording.path.stem, STANDARD_INPUT_ID):
            log.warning(
                "%r gets the recording id %s: ids hold %s",
                str(recording.path),
                recording.recording_id,
                EXPECTED_IN_IDS,
            )


@dataclass(frozen=True)
class _Looked:
    """One recording as its header tells it: its length in seconds if known, or a problem."""

    recording: Recording
    length_s: float | None = None
    problem: str | None = None


def dry_run(options: argparse.Namespace, run: Run) -> bool:
    """Tell every recording with its length and files, and ask the service whether it is ready.

    Returns
    -------
    bool
        Whether nothing was found that would make recordings or the scores fail.

    Raises
    ------
    ServiceError
        If the service would keep the run from starting.
    """
    for recording_id in run.rttms:
        log.info("%s: done by an earlier run", recording_id)
    looked = [_looked_at(recording) for recording in run.missing]
    for each in looked:
        _tell(each, run)
    good = [each for each in looked if each.problem is None]
    log.info(
        "would send %d of %d recording(s), %s of audio%s; nothing was sent or written",
        len(good),
        len(run.recordings),
        hours(sum(each.length_s or 0 for each in good)),
        "" if all(each.length_s is not None for each in good) else " and more of unknown length",
    )
    scored = run.scorer is None or _has_reference(run, run.scorer)
    if any(each.recording.file_problem is None for each in looked):
        with service_of(options, run) as service:
            service.check()
        log.info("the service at %s is ready", options.url)
    return scored and len(good) == len(looked)


def _looked_at(recording: Recording) -> _Looked:
    if problem := recording.file_problem:
        return _Looked(recording, problem=problem)
    try:
        return _Looked(recording, audio_length_s(recording.path))
    except AudioError as error:
        return _Looked(recording, problem=str(error))


def _tell(looked: _Looked, run: Run) -> None:
    recording = looked.recording
    name = recording.recording_id
    if looked.problem is not None:
        log.error("%s: %s%s", name, recording.place, looked.problem)
        return
    length = "unknown length" if looked.length_s is None else hours(looked.length_s)
    files = ", ".join(map(str, run.sink.files_of(name))) or "standard output"
    log.info("%s: %s of %s -> %s", name, length, recording.path, files)


def _has_reference(run: Run, scorer: Scorer) -> bool:
    if not scorer.with_reference(run.ids):
        log.error("no score: no recording of this run has speech in the reference")
        return False
    run.warn_of_unscored(scorer)
    return True
