"""One live recording: pieces of audio in, events out.

Each step hears the audio that has arrived, segments the chunks that are due, embeds the windows
that are complete, finds the speakers, and decides who talked in the frames that are `latency_s`
old. The last seconds are decided as a block of the full mode is (`full.assignment`), with the
speakers known so far, and once more with every step until they are `FINAL_S` old.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import SAMPLE_RATE_HZ, Embeddings, Features, Samples, Windows, samples_of
from ..audio import new_resampler
from ..clustering import unit_length
from ..fbank import fbank, n_frames_of, window_features
from ..full.activity import Stretch
from ..full.assignment import block_stretches
from ..full.blocks import FrameBlock, solo_shares, speech_in, speech_shares
from ..full.segmentation import Tail, frame_centres, speaker_count_of
from ..full.speakers import overlap_of
from ..options import Options
from ..request import RequestOptions
from ..sad import FRAME_SAMPLES
from ..turns import Diarization, format_rttm
from .calls import EmbedCall, Step
from .events import Event, LiveTurns, LiveVoices, progress, rounded, seconds
from .hearing import Chunks, SpeechHearing
from .records import Journal, as_float, recorded_blocks
from .speakers import LiveSpeakers

FINAL_S = 5.0  # after which what was reported of a frame stays
CONTEXT_S = 11.0  # of decided audio, so that the chunks over undecided frames are seen whole


@dataclass(frozen=True)
class LiveOptions:
    """How a session was started.

    Attributes
    ----------
    asked
        Parameters of the request, as for `run`.
    rate_hz
        Of the samples that arrive.
    latency_s
        How long after it was heard a frame is first decided.
    voices
        Whether voices are reported.
    """

    asked: RequestOptions
    rate_hz: int = SAMPLE_RATE_HZ
    latency_s: float = 2.0
    voices: bool = False


class Session:
    """The state of one live recording.

    Parameters
    ----------
    network
        Name of the speaker network.

    Attributes
    ----------
    events
        Reported so far, those that the client has dropped.
    ended
        Whether the recording has ended.
    has_result
        Whether the result was added.
    """

    def __init__(
        self, options: Options, live: LiveOptions, journal: Journal, network: str | None
    ) -> None:
        self.live = live
        self.journal = journal
        self.events: list[Event] = []
        self.ended = self.has_result = False
        self._options = options
        self._latency = samples_of(live.latency_s)
        self._tail = Tail()
        self._speech = SpeechHearing(options.sad.level_s)
        self._chunks = Chunks(samples_of(options.frames.chunk_hop_s))
        self._speakers = LiveSpeakers(options, live.asked.speakers)
        self._turns = LiveTurns()
        self._voices = LiveVoices(network)
        self._network = network
        self._n_events = 0
        self._advanced = 0  # samples, all of which have been processed
        self._n_speech = self._n_overlap = 0
        self._resampler = new_resampler(live.rate_hz)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but what the journal has, and the resampler, which cannot be copied."""
        tail = Tail(self._tail.start)
        return {**vars(self), "journal": None, "_resampler": None, "_tail": tail}

    def resume(self, journal: Journal) -> None:
        """Go on with the journal of the session that this is a copy of; reads all its audio."""
        self.journal = journal
        self._resampler = new_resampler(self.live.rate_hz)
        begin = 0
        for block in recorded_blocks(journal.audio, self.live.rate_hz):
            samples = self._at_16_khz(block)
            self._speech.recall(samples)
            self._tail.add(samples[max(0, self._tail.end - begin) :])
            begin += len(samples)
        if self.ended:
            self._tail.add(self._rest_at_16_khz())

    @property
    def sample_type(self) -> np.dtype[Any] | None:
        """Type of the samples received; None as long as there are none."""
        return self.journal.audio.read(0, 1).dtype if self.n_received else None

    @property
    def n_received(self) -> int:
        """Samples received so far, at the rate at which they are sent."""
        return len(self.journal.audio)

    def hear(self, samples: NDArray[Any]) -> Step[None]:
        """Process audio, float32 or int16, shape=(n,); continue after an error with the next."""
        if len(samples):
            self.journal.audio.append(samples)
            self._tail.add(self._at_16_khz(as_float(samples)))
        if self._tail.end > self._advanced:
            end = self._tail.end
            yield from self._advance(end - samples_of(FINAL_S), end - self._latency)
            self._advanced = self._tail.end

    def end(self) -> Step[None]:
        """Decide the rest."""
        if not self.ended:
            self.ended = True
            self._tail.add(self._rest_at_16_khz())
        if self._turns.decided < self._tail.end:
            yield from self._advance(self._tail.end, self._tail.end)
        yield from self._speech.finish(self._tail, self.journal)
        self._report(self._turns.end())

    def add_result(self, found: Diarization) -> None:
        """Report the result, with what `run` says about the same recording."""
        info = {
            "mode": "full",
            "exclusive": self.live.asked.exclusive,
            "n_speakers": found.n_speakers,
            "n_windows": found.n_windows,
            "unlike_share": found.unlike_share,
            "more_speakers_likely": found.more_speakers_likely,
            "audio_s": seconds(self._tail.end),
            "speaker_network": self._network,
        }
        result: Event = {
            "type": "result",
            "rttm": format_rttm(found.turns, self.live.asked.recording_id),
            "confidences": [round(turn.confidence, 4) for turn in found.turns],
            "info": info,
        }
        if self.live.voices:
            result["labels"] = [turn.label for turn in found.turns]
            result["embeddings"] = rounded(found.embeddings, 7)
        self.has_result = True
        self._report([result])

    def known_windows(self) -> Mapping[int, int]:
        """Row of the embedding of each window, by its first sample."""
        return self._speakers.row_of

    def forget(self, seen: int) -> None:
        """Drop the events up to number `seen`, which the client has."""
        self.events = [event for event in self.events if event["seq"] > seen]

    def _at_16_khz(self, samples: Samples, last: bool = False) -> Samples:
        if self.live.rate_hz == SAMPLE_RATE_HZ:
            return samples
        resampled: Samples = self._resampler.resample_chunk(samples, last=last)
        return resampled

    def _rest_at_16_khz(self) -> Samples:
        """What the resampler has held back."""
        return self._at_16_khz(np.empty(0, np.float32), last=True)

    def _advance(self, final: int, until: int) -> Step[None]:
        """Decide up to sample `final` for good, up to `until` for now."""
        yield from self._speech.listen(self._tail, self.journal, self.live.rate_hz)
        yield from self._chunks.segment(self._tail, self.journal, until)
        decided = self._turns.decided
        start = max(0, decided - samples_of(CONTEXT_S)) // FRAME_SAMPLES * FRAME_SAMPLES
        block = self._block(start)
        if block is None:
            return
        yield from self._embed(block)
        final, until = max(final, decided), max(until, self._turns.reported)
        turns = self._turns.advance(self._stretches(block), final, until)
        if self.live.voices:
            self._report(self._voices.advance(self._speakers.voices(), self._turns.speakers()))
        self._report(turns)
        self._count(block, decided)
        self._report([progress(self._tail.end, self._turns)])
        self._tail.forget(min(start, self._chunks.first_needed()))

    def _block(self, start: int) -> FrameBlock | None:
        """The last seconds as a block of the full mode, with all windows of the grid in it."""
        end = self._chunks.end(self._tail)
        segmentation = self._chunks.segmentation(start, end)
        if segmentation is None:
            return None
        probs = self._speech.probs(self.journal, start // FRAME_SAMPLES, -(-end // FRAME_SAMPLES))
        speech = speech_in(segmentation, probs, self._options.frames)
        windows = self._windows(start, end)
        return FrameBlock(
            start,
            end - start,
            segmentation,
            speaker_count_of(segmentation),
            speech,
            windows,
            shares=speech_shares(speech, windows),
            solo=solo_shares(segmentation, windows),
        )

    def _windows(self, start: int, end: int) -> Windows:
        length, hop = self._window_samples()
        begins = np.arange(-start % hop, end - start - length + 1, hop, dtype=np.int64)
        return np.stack([begins, begins + length], axis=1)

    def _window_samples(self) -> tuple[int, int]:
        frames = self._options.frames
        return samples_of(frames.window_s), samples_of(frames.window_hop_s)

    def _embed(self, block: FrameBlock) -> Step[None]:
        """Embed the windows that are due, and find the speakers."""
        begins = block.windows[:, 0] + block.offset
        enough = block.shares >= self._options.frames.evidence_share
        due = begins[enough & ~self._speakers.is_known(begins)]
        fresh = np.empty((0, 1), np.float32)
        if len(due):
            fresh = yield EmbedCall(np.stack([self._features(begin) for begin in due.tolist()]))
            self.journal.embeddings.append(fresh)
            self._speakers.add(due)
        known = self._speakers.is_known(begins)
        self._speakers.describe(begins[known], block.shares[known], block.solo[known])
        change = self._speakers.update(
            fresh,
            self._all_embeddings,
            self._n_speech,
            self._n_overlap,
            self._turns.speakers,
        )
        if change is not None:
            self._report(self._turns.relabel(change, self._window_samples()[1]))

    def _all_embeddings(self) -> Embeddings:
        return self.journal.embeddings.read(0, len(self.journal.embeddings))

    def _features(self, begin: int) -> Features:
        length, _ = self._window_samples()
        features = fbank(self._tail.read(begin, begin + length), self._options.window.analysis)
        return window_features(features, np.array([[0, length]]), n_frames_of(length))[0]

    def _stretches(self, block: FrameBlock) -> list[Stretch]:
        """Stretches of all speakers by number, decided as in the full mode."""
        if not self._speakers.ids:
            return []
        frames = self._options.frames
        used = block.shares >= frames.evidence_share
        block = replace(
            block, windows=block.windows[used], shares=block.shares[used], solo=block.solo[used]
        )
        rows = self._speakers.rows_of(block.windows[:, 0] + block.offset)
        first, last = rows.min(initial=0), rows.max(initial=-1) + 1
        embeddings = self.journal.embeddings.read(int(first), int(last))[rows - first]
        evidence = self._speakers.evidence(unit_length(embeddings))
        found = block_stretches(block, evidence, frames, self.live.asked.exclusive)
        return [each._replace(speaker=self._speakers.ids[each.speaker]) for each in found]

    def _count(self, block: FrameBlock, decided: int) -> None:
        """Count speech and overlap in the frames decided last."""
        first, last = np.searchsorted(
            frame_centres(len(block.speech)) + block.offset, [decided, self._turns.decided]
        )
        n_speech, n_overlap = overlap_of(block.speech[first:last], block.expected_count[first:last])
        self._n_speech += n_speech
        self._n_overlap += n_overlap

    def _report(self, events: list[Event]) -> None:
        for event in events:
            self._n_events += 1
            self.events.append({"seq": self._n_events, **event})
