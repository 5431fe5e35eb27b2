"""Recordings sent through the service as client.py sends them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from console.run_report import RunReport
from inputs.audio_files import encoded_bytes
from inputs.recordings import Recording
from sending.in_flight import Diarizer, defer_interrupt, diarize_all
from sending.outcome import Answer, Outcome
from sending.service import Service


@dataclass(frozen=True)
class Connection:
    """Where and how recordings are sent."""

    url: str  # gRPC host:port
    model_name: str
    timeout_s: float  # for one recording
    jobs: int  # recordings in flight
    parameters: dict[str, Any]  # of every request

    def service(self, outputs: Sequence[str] = (), num_speakers: int | None = None) -> Service:
        """Open a connection; `outputs` are those of `Service`."""
        parameters = dict(self.parameters)
        if num_speakers is not None:
            parameters["num_speakers"] = num_speakers
        return Service(self.url, self.model_name, self.timeout_s, parameters, outputs=outputs)


def outcomes(
    diarizer: Diarizer, recordings: Sequence[Recording], jobs: int, report: RunReport
) -> Iterator[Outcome]:
    """Send recordings, and log and yield each outcome; KeyboardInterrupt soon after Ctrl-C."""
    with defer_interrupt() as interrupted:
        for outcome in diarize_all(
            diarizer, recordings, lambda each: encoded_bytes(each.path), jobs, interrupted
        ):
            if isinstance(outcome, Answer):
                report.done(outcome)
            else:
                report.failed(outcome)
            yield outcome
