"""UEM, NIST's format for the stretches that are scored: here the whole recording."""

from formats.result import Result, seconds


def text(result: Result) -> str:
    """Write one line, channel 1 from 0 to the audio's end."""
    return f"{result.recording_id} 1 0.000 {seconds(result.length_ms)}\n"
