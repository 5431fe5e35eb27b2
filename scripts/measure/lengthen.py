"""Make evaluation sets of long recordings out of the recordings of other sets.

`joined` and `joined_new` are recordings one after another, in the latter no voice twice; `meeting`,
`monologue` and `crowd` are put together from what each speaker says alone. evaluate.py scores them:

    python scripts/measure/lengthen.py sets sets-long
    python scripts/measure/evaluate.py --root sets-long --output output/long
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from console.option_values import count
from console.text import NOT_IN_IDS
from formats.result import Turn, speakers_of
from formats.rttm import rttm_text, turns_of
from inputs.recordings import ListError
from measure.kit.corpus import sets_below
from measure.kit.turns import alone_ms, merged, moved
from scoring.scores import ScoringError

RATE_HZ, PER_MS = 16_000, 16
MINUTE_MS = 60_000
JOINED_MINUTES = (4, 8, 16, 30, 60, 120)
CROWDS = {15: 20, 30: 30, 60: 40}  # minutes: speakers
SPOKEN_MINUTES = {"meeting": (12, 30, 60), "monologue": (10, 30), "crowd": tuple(CROWDS)}
SETS = ("joined", "joined_new", *SPOKEN_MINUTES)
N_IN_MEETING, N_MAIN = 4, 5
STRETCH_MS, VOICE_MS = 300, 5000  # minimum of a stretch of one speaker alone, and of their sum
BRIEF_MS, BRIEF_TURN_MS = (VOICE_MS, 15_000), (1500, 6000)  # of the brief speakers in a crowd
PAUSE_MS, OVERLAP_MS, OVERLAP_SHARE = 400, (100, 800), 0.2  # mean pause; overlap and how often
FADE_S, LEVEL, NOISE_DB = 0.005, 0.05, -24  # level: root mean square of each stretch

Wave = NDArray[np.float32]
"""shape=(n_samples,), mono at RATE_HZ."""
Generator = np.random.Generator


class Talk(NamedTuple):
    """A recording with its turns, whose speakers have the same name only if they are the same."""

    path: Path
    length_ms: int
    turns: list[Turn]

    def wave(self, start_ms: int = 0, end_ms: int | None = None) -> Wave:
        """Read a part, all channels mixed."""
        with soundfile.SoundFile(self.path) as file:
            per_ms = file.samplerate / 1000
            file.seek(min(round(start_ms * per_ms), file.frames))
            n_frames = -1 if end_ms is None else round((end_ms - start_ms) * per_ms)
            mono = file.read(n_frames, dtype="float32", always_2d=True).mean(axis=1)
            return unclipped(soxr.resample(mono, file.samplerate, RATE_HZ))


class Voice:
    """What a speaker says alone, all at one level, read in a loop from a random place."""

    def __init__(self, stretches: Iterable[Wave], rng: Generator) -> None:
        self._wave = np.concatenate([faded(leveled(each)) for each in stretches])
        self._place = int(rng.integers(len(self._wave)))

    def take(self, n_samples: int) -> Wave:
        """Read the next samples."""
        places = np.arange(self._place, self._place + n_samples)
        self._place += n_samples
        return faded(np.take(self._wave, places, mode="wrap"))


def talks_below(root: Path, shared_names: Sequence[str]) -> list[Talk]:
    """Find the recordings with speech of all sets below `root`.

    Parameters
    ----------
    shared_names
        Sets in which a name is the same person in all recordings.

    Raises
    ------
    ListError, ScoringError
        If the sets or their references cannot be used, hold no speech, or a set is missing.
    """
    sets = sets_below(root)
    if unknown := set(shared_names) - {each.name for each in sets}:
        raise ListError([f"there is no set {name!r} in {root}" for name in sorted(unknown)])
    talks = []
    for each in sets:
        for recording in each.recordings:
            recording_id, path = recording.recording_id, recording.path
            where = each.name if each.name in shared_names else f"{each.name}-{recording_id}"
            prefix = NOT_IN_IDS.sub("_", where)
            length_ms = round(1000 * soundfile.info(path).duration)
            turns = moved(turns_of(each.reference[recording_id]), 0, length_ms)
            renamed = (replace(turn, speaker=f"{prefix}-{turn.speaker}") for turn in turns)
            if turns:
                talks.append(Talk(path, length_ms, merged(renamed)))
    if not talks:
        raise ListError([f"no recording below {root} has turns"])
    return talks


def joined(
    talks: Sequence[Talk], length_ms: int, rng: Generator, *, new: bool
) -> tuple[Wave, list[Turn]]:
    """Join talks up to this length, or, if `new`, until no new speaker is left."""
    waves, turns = list[Wave](), list[Turn]()
    n_samples = 0
    heard: set[str] = set()
    rest: list[int] = []
    while length_ms > 0 and (rest or not (new and heard)):
        rest = rest or list(rng.permutation(len(talks)))
        talk = talks[rest.pop()]
        names = speakers_of(talk.turns)
        if new and heard.intersection(names):
            continue
        heard.update(names)
        length_ms -= talk.length_ms
        waves.append(talk.wave())
        turns += moved(talk.turns, round(n_samples / PER_MS))
        n_samples += len(waves[-1])
    return np.concatenate(waves), turns


def spoken(
    talks: Sequence[Talk], set_name: str, minutes: int, rng: Generator
) -> tuple[Wave, list[Turn]]:
    """Put a `meeting`, `monologue` or `crowd` together from what each speaker says alone.

    Raises
    ------
    ListError
        If no speaker talks alone for long enough, or no talk has as few speakers as a meeting.
    """
    alone: dict[str, list[tuple[Talk, int, int]]] = defaultdict(list)
    for talk in talks:
        for name in speakers_of(talk.turns):
            spans = alone_ms(talk.turns, name)
            alone[name] += [(talk, b, e) for b, e in spans if e - b >= STRETCH_MS]
    total_ms = {name: sum(end - begin for _, begin, end in own) for name, own in alone.items()}
    names = sorted((n for n in total_ms if total_ms[n] >= VOICE_MS), key=lambda n: -total_ms[n])
    if not names:
        raise ListError([f"no speaker talks alone for {VOICE_MS / 1000:g} s"])
    turns = planned(talks, set_name, minutes, names, rng)
    voices = {
        name: Voice([talk.wave(*stretch) for talk, *stretch in alone[name]], rng)
        for name in speakers_of(turns)
    }
    return speech(turns, voices, minutes * MINUTE_MS, rng), turns


def planned(
    talks: Sequence[Talk], set_name: str, minutes: int, names: list[str], rng: Generator
) -> list[Turn]:
    """Plan the turns of a recording; `names` by talk time, longest first."""
    length_ms = minutes * MINUTE_MS
    singles = [[turn] for talk in talks for turn in talk.turns]
    if set_name == "crowd":
        others = rng.permutation(np.array(names[N_MAIN:], dtype=object)).tolist()
        chosen = [*names[:N_MAIN], *others][: CROWDS[minutes]]
        if len(chosen) < CROWDS[minutes]:
            print(f"{set_name}: expected {CROWDS[minutes]} speakers, the source has {len(chosen)}")
        lengths_ms = [turn.end_ms - turn.start_ms for (turn,) in singles]
        return crowd_turns(chosen, lengths_ms, length_ms, rng)
    n_voices = 1 if set_name == "monologue" else N_IN_MEETING
    voices = rng.permutation(names[:N_MAIN])[:n_voices].tolist()
    timings = singles if n_voices == 1 else [talk.turns for talk in talks]
    fitting = [timing for timing in timings if len(speakers_of(timing)) <= len(voices)]
    if not fitting:
        raise ListError([f"no recording has {len(voices)} speakers or fewer"])
    return meeting_turns(fitting, voices, length_ms, rng)


def meeting_turns(
    timings: Sequence[Sequence[Turn]], voices: Sequence[str], length_ms: int, rng: Generator
) -> list[Turn]:
    """Turns of `voices` timed as in `timings`, drawn at random; none has more speakers."""
    turns: list[Turn] = []
    now_ms = 0
    while now_ms < length_ms:
        timing = timings[rng.integers(len(timings))]
        voice_of = dict(zip(speakers_of(timing), rng.permutation(voices), strict=False))
        turns += [
            replace(turn, speaker=str(voice_of[turn.speaker]))
            for turn in moved(timing, now_ms - timing[0].start_ms)
        ]
        now_ms = max(turn.end_ms for turn in turns) + round(rng.exponential(PAUSE_MS))
    return moved([turn for turn in turns if turn.start_ms + STRETCH_MS < length_ms], 0, length_ms)


def crowd_turns(
    names: Sequence[str], lengths_ms: Sequence[int], length_ms: int, rng: Generator
) -> list[Turn]:
    """Turns of main speakers, the first of `names`, and of brief ones.

    Brief turns are spread over the recording; `lengths_ms` are possible lengths of the others.
    """
    brief = []
    for name in names[N_MAIN:]:
        total_ms = rng.uniform(*BRIEF_MS)
        least, most = int(-(-total_ms // BRIEF_TURN_MS[1])), int(total_ms // BRIEF_TURN_MS[0])
        n_turns = int(rng.integers(least, most + 1))
        turn_ms = int(total_ms / n_turns)
        brief += [(at_ms, turn_ms, name) for at_ms in rng.uniform(0, length_ms, n_turns)]
    brief.sort(reverse=True)
    turns: list[Turn] = []
    now_ms = 0
    while brief or now_ms < length_ms:
        if brief and brief[-1][0] <= now_ms:
            _, turn_ms, name = brief.pop()
        else:
            turn_ms, name = rng.choice(lengths_ms), names[rng.integers(len(names[:N_MAIN]))]
        pause_ms = rng.exponential(PAUSE_MS)
        if turns and turns[-1].speaker != name and rng.random() < OVERLAP_SHARE:
            pause_ms = -min(rng.uniform(*OVERLAP_MS), now_ms - turns[-1].start_ms)
        start_ms = now_ms + round(pause_ms)
        turns.append(Turn(start_ms, start_ms + int(turn_ms), name))
        now_ms = max(now_ms, turns[-1].end_ms)
    return turns


def speech(
    turns: Sequence[Turn], voices: Mapping[str, Voice], length_ms: int, rng: Generator
) -> Wave:
    """Let voices say their turns over faint white noise; at least `length_ms` long."""
    length_ms = max([length_ms, *(turn.end_ms for turn in turns)])
    wave = rng.standard_normal(length_ms * PER_MS, dtype=np.float32)
    wave *= LEVEL * 10 ** (NOISE_DB / 20)
    for turn in turns:
        begin, end = turn.start_ms * PER_MS, turn.end_ms * PER_MS
        wave[begin:end] += voices[turn.speaker].take(end - begin)
    return unclipped(wave)


def leveled(wave: Wave) -> Wave:
    """Scale to a root mean square of LEVEL; silence is unchanged."""
    level = np.sqrt(np.mean(wave**2))
    return wave * np.float32(LEVEL / level) if level else wave


def faded(wave: Wave) -> Wave:
    """Fade the first and the last FADE_S in and out."""
    ramp = np.minimum(1, np.arange(1, len(wave) + 1, dtype=np.float32) / (FADE_S * RATE_HZ))
    return wave * ramp * ramp[::-1]


def unclipped(wave: Wave) -> Wave:
    """Scale down where samples exceed 1."""
    return wave / max(1.0, np.abs(wave).max(initial=0.0))


def write_set(
    talks: Sequence[Talk], folder: Path, lengths_minutes: Iterable[int], seed: int
) -> None:
    """Write the set named as `folder`; a recording depends on the talks, the seed and its name."""
    for minutes in sorted(lengths_minutes):
        name = f"{folder.name}_{minutes:03d}"
        rng = np.random.default_rng([seed, *name.encode()])
        if folder.name in SPOKEN_MINUTES:
            wave, turns = spoken(talks, folder.name, minutes, rng)
        else:
            new = folder.name == "joined_new"
            wave, turns = joined(talks, minutes * MINUTE_MS, rng, new=new)
        folder.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / f"{name}.flac", wave, RATE_HZ, subtype="PCM_16")
        reference = rttm_text(name, merged(turns))
        (folder / f"{name}.rttm").write_text(reference, encoding="utf-8")
        made_minutes = len(wave) / PER_MS / MINUTE_MS
        print(f"{name}: {made_minutes:.1f} minutes, {len(speakers_of(turns))} speakers")
        if folder.name == "joined_new" and made_minutes < minutes:
            print(f"{name}: shorter than asked, as no new voices are left")
            return


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("source", type=Path, help="folder of sets, as evaluate.py --root takes it")
    add("target", type=Path, help="where the sets go: a new folder")
    add("--sets", nargs="+", choices=SETS, default=SETS, help="which to make (default: all)")
    add("--minutes", nargs="+", type=count, default=JOINED_MINUTES, help="lengths of `joined*`")
    add("--shared_names", nargs="+", default=[], metavar="SET",
        help="sets in which a name is the same person in all recordings")  # fmt: skip
    add("--seed", type=int, default=0, help="seed of random choices (default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.target.exists():
        parser.error(f"{options.target} exists already")
    try:
        talks = talks_below(options.source, options.shared_names)
        for name in options.sets:
            minutes = SPOKEN_MINUTES.get(name, options.minutes)
            write_set(talks, options.target / name, minutes, options.seed)
    except (ListError, ScoringError, OSError, soundfile.SoundFileError) as error:
        print(f"lengthen: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
