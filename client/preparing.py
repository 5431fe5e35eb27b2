"""From options to a run that can start, or all reasons why it cannot."""

import argparse
from pathlib import Path

from access import AccessError, access
from answer_texts import refuse_file_names
from md_eval import ScoringError, find_md_eval
from retrying import Backoff, Retries
from rttm_files import OutputError, RttmFolder, Sink, StandardOutput
from run import Run
from run_report import RunReport, log
from scoring import Scorer, read_reference
from wav_scp import ListError, Recording, read_wav_scp, single_recording

CANNOT_START = (ListError, ScoringError, OutputError, AccessError)


def prepared(options: argparse.Namespace, backoff: Backoff) -> Run:
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
    return Run(recordings, options.format, sink, scorer, guard, report, retries, rttms)


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
