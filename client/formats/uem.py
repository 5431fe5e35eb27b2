"""UEM, NIST's format for the stretches that are scored: here the whole recording."""

from formats.result import Result, seconds


def text(result: Result) -> str:
    """Write a line per channel, from 0 to the audio's end; channel 1 where they are not apart."""
    end = seconds(result.length_ms)
    channels = range(1, (result.n_separate or 1) + 1)
    return "".join(f"{result.recording_id} {channel} 0.000 {end}\n" for channel in channels)
