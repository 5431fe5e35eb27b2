"""How right the live turns of another program are."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from console.run_report import log
from inputs.recordings import Recording
from live.session import Event
from measure.benchmarking.audio import SAMPLE_RATE_HZ, load, write_recording
from measure.benchmarking.runs import LOG_TAIL, OUTPUT, PEER_OUTPUT, Peer
from measure.kit.corpus import EvaluationSet
from measure.live_measuring.accuracy import SetFigures, set_figures
from measure.live_measuring.streaming import LiveError, Streamed


@dataclass(frozen=True)
class _Heard:
    """What a program reported about a recording, at all latencies."""

    recording_id: str
    audio_s: float
    events: list[Event]  # the last is the result

    @property
    def updates_s(self) -> list[float]:
        """Seconds of its updates; none where it does not report them."""
        return self.events[-1].get("info", {}).get("update_s", [])

    def at(self, latency_s: str) -> Streamed:
        """Only what it reported at one latency; LiveError if that is nothing."""
        events = [each for each in self.events if each.get("latency_s") == latency_s]
        if not events:
            known = sorted({each["latency_s"] for each in self.events if "latency_s" in each})
            raise LiveError(
                f"{self.recording_id}: the peer reported nothing at a latency of {latency_s} s, "
                f"only at {', '.join(known) or 'none'}"
            )
        rttm = self.events[-1]["rttm"].encode()
        return Streamed(self.recording_id, self.audio_s, events, rttm)


def measure_peer(
    sets: Sequence[EvaluationSet], peer: Peer, latencies_s: Sequence[str], md_eval: Path
) -> tuple[list[SetFigures], dict[str, list[float]]]:
    """Measure every set at every latency; a recording is given to the program once.

    Returns
    -------
    figures, updates_s
        The second are seconds of its updates by set.

    Raises
    ------
    InputError, LiveError, ScoringError
        If a recording cannot be read, has no answer, or cannot be scored.
    """
    figures, updates_s = [], {}
    for each in sets:
        heard = [_heard(peer, recording) for recording in each.recordings]
        updates_s[each.name] = [update_s for one in heard for update_s in one.updates_s]
        for latency_s in latencies_s:
            streamed = [one.at(latency_s) for one in heard]
            figures.append(set_figures(each, latency_s, streamed, None, md_eval))
        log.info("set %s is measured", each.name)
    return figures, updates_s


def _heard(peer: Peer, recording: Recording) -> _Heard:
    """Run the program on a recording."""
    samples = load(recording.path)
    audio_s = len(samples) / SAMPLE_RATE_HZ
    with tempfile.TemporaryDirectory(prefix="peer-") as folder:
        wav = Path(folder, f"{recording.recording_id}.wav")
        write_recording(wav, [samples], audio_s)
        if failure := peer.run(wav).failure:
            raise LiveError(f"{peer.name}, {recording.recording_id}: {failure}")
        output = wav.with_name(PEER_OUTPUT)
        lines = output.read_text(encoding="utf-8").splitlines() if output.exists() else []
    try:
        events = [json.loads(line) for line in lines]
        complete = events[-1]["type"] == "result"
    except (IndexError, ValueError):
        complete = False
    if not complete:
        raise LiveError(
            f"{peer.name}, {recording.recording_id}: expected events as lines of JSON in {OUTPUT}, "
            f"a result as the last, got {lines[-1][:LOG_TAIL] if lines else 'nothing'}"
        )
    return _Heard(recording.recording_id, audio_s, events)
