"""The texts of an answer in all requested formats, its report included, and their files' names."""

import itertools
from collections.abc import Iterable, Sequence

from formats import FORMATS, RTTM
from formats.result import FormatError, Result
from formats.rttm import turns_in_rttm, turns_of
from inputs.audio_files import AudioError
from inputs.recordings import ListError, Recording
from sending.outcome import Answer
from viewer.page import build_report

RTTM_PREFIX = "rttm_"
REPORT = "report"  # listed among the formats, but requested by --report
_ENDINGS = {**{token: each.ending for token, each in FORMATS.items()}, REPORT: ".html"}
_REPORT_OUTPUTS = ("CONFIDENCE",)
_MAX_NAME_BYTES = 255


def texts_of(
    answer: Answer, tokens: Sequence[str], reference: Sequence[str] | None = None
) -> dict[str, bytes]:
    """Write the answer in these formats.

    Parameters
    ----------
    answer
        The service's answer.
    tokens
        Of FORMATS, and REPORT.
    reference
        Reference RTTM lines, whose errors the report marks.

    Returns
    -------
    dict[str, bytes]
        By token, in UTF-8; always with RTTM, which the scores and the joined file need.

    Raises
    ------
    FormatError
        If the answer lacks what a format needs, or the recording cannot be read for the report.
    """
    further = [token for token in tokens if token != RTTM]
    texts = {RTTM: answer.rttm}
    if further:
        result = result_of(answer)
        for token in further:
            is_report = token == REPORT
            text = _report(answer, result, reference) if is_report else FORMATS[token].text(result)
            texts[token] = text.encode()
    return texts


def _report(answer: Answer, result: Result, reference: Sequence[str] | None) -> str:
    try:
        return build_report(
            answer.recording.path, result, None if reference is None else turns_of(reference)
        )
    except AudioError as error:
        raise FormatError(f"no report: {error}") from error


def needed_outputs(tokens: Iterable[str]) -> list[str]:
    """Return the outputs of the service that these formats need beside RTTM and INFO."""
    further = [token for token in tokens if token != RTTM]
    outputs = [_REPORT_OUTPUTS if token == REPORT else FORMATS[token].outputs for token in further]
    return list(dict.fromkeys(itertools.chain.from_iterable(outputs)))


def file_name(token: str, recording_id: str) -> str:
    """Return the name of a recording's file in this format."""
    return RTTM_PREFIX + recording_id if token == RTTM else recording_id + _ENDINGS[token]


def refuse_file_names(recordings: Iterable[Recording], tokens: Sequence[str]) -> None:
    """Refuse ids that cannot name a file of every format.

    Raises
    ------
    ListError
        If an id is too long for a format's ending, or its file's name looks like RTTM.
    """
    further = [token for token in tokens if token != RTTM]
    problems = [
        recording.place + problem
        for recording in recordings
        for token in further
        if (problem := _name_problem(token, recording.recording_id))
    ]
    if problems:
        raise ListError(problems)


def _name_problem(token: str, recording_id: str) -> str | None:
    n_bytes = len(recording_id.encode())
    max_bytes = _MAX_NAME_BYTES - len(_ENDINGS[token])
    option = "--report" if token == REPORT else f"--format {token}"
    if n_bytes > max_bytes:
        return (
            f"recording id {recording_id[:40]!r}... has {n_bytes} bytes, expected at most "
            f"{max_bytes} with {option}: file names end at {_MAX_NAME_BYTES}"
        )
    if recording_id.startswith(RTTM):
        return (
            f"recording id {recording_id!r} starts with {RTTM!r}, expected another start with "
            f"{option}: `cat {RTTM}*` would take {file_name(token, recording_id)} for RTTM"
        )
    return None


def result_of(answer: Answer) -> Result:
    """Parse an answer; FormatError if its turns cannot be parsed."""
    try:
        rttm = answer.rttm.decode()
    except UnicodeDecodeError as error:
        raise FormatError(f"the answer's RTTM is not UTF-8: {error.reason}") from error
    mode = answer.info.get("mode")
    return Result(
        answer.recording.recording_id,
        turns_in_rttm(rttm, answer.confidences),
        None if answer.audio_s is None else round(answer.audio_s * 1000),
        mode if isinstance(mode, str) else None,
        answer.n_separate,
        answer.doubt,
    )
