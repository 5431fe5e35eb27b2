"""Make evaluation sets of long recordings out of the recordings of other sets.

`joined` and `joined_new` are recordings one after another, in the latter no voice twice; `meeting`,
`monologue` and `crowd` are put together from what each speaker says alone. evaluate.py scores them:

    python scripts/measure/lengthen.py sets sets-long
    python scripts/measure/evaluate.py --root sets-long --output output/long
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from console.option_values import count
from console.text import NOT_IN_IDS
from formats.result import Turn, speakers_of
from formats.rttm import rttm_text, turns_of
from inputs.recordings import ListError
from measure.kit.corpus import folder_sets, folders_below
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


@dataclass(frozen=True)
class Talk:
    """A recording with its turns, whose speakers have the same name only if they are the same."""

    path: Path
    turns: list[Turn]

    @property
    def length_ms(self) -> int:
        """Length of the audio."""
        return round(1000 * soundfile.info(self.path).duration)

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
    root
        Folder of sets.
    shared_names
        Sets in which a name is the same person in all recordings.

    Raises
    ------
    ListError, ScoringError
        If the sets or their references cannot be used, hold no speech, or a set is not there.
    """
    sets = folder_sets(folders_below(root), None)
    if unknown := set(shared_names) - {each.name for each in sets}:
        raise ListError([f"there is no set {name!r} in {root}" for name in sorted(unknown)])
    talks = []
    for each in sets:
        for recording_id, path in ((one.recording_id, one.path) for one in each.recordings):
            where = each.name if each.name in shared_names else f"{each.name}-{recording_id}"
            prefix = NOT_IN_IDS.sub("_", where)
            length_ms = round(1000 * soundfile.info(path).duration)
            turns = moved(turns_of(each.reference[recording_id]), 0, length_ms)
            renamed = (Turn(t.start_ms, t.end_ms, f"{prefix}-{t.speaker}") for t in turns)
            talks.append(Talk(path, merged(renamed)))
    talks = [talk for talk in talks if talk.turns]
    if not talks:
        raise ListError([f"no recording below {root} has turns"])
    return talks


def drawn(talks: Sequence[Talk], length_ms: int, rng: Generator, *, new: bool) -> Iterator[Talk]:
    """Draw talks until they are as long as asked, or, if `new`, no new speaker is left."""
    heard: set[str] = set()
    rest: list[int] = []
    while length_ms > 0:
        if not rest:
            if heard and new:
                return
            rest = list(rng.permutation(len(talks)))
        talk = talks[rest.pop()]
        names = speakers_of(talk.turns)
        if not (new and heard.intersection(names)):
            heard.update(names)
            length_ms -= talk.length_ms
            yield talk


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


class Writer:
    """Writes sets below `target`; a recording depends on the talks, the seed and its own name."""

    def __init__(self, talks: Sequence[Talk], target: Path, seed: int) -> None:
        self._talks, self._target, self._seed = talks, target, seed

    def join(self, minutes: Sequence[int], *, new: bool) -> None:
        """Write recordings one after another; if `new`, as long as there are new voices."""
        set_name = "joined_new" if new else "joined"
        for each in sorted(minutes):
            file, rng = self._begin(set_name, each)
            turns: list[Turn] = []
            n_samples = 0
            with soundfile.SoundFile(file, "w", RATE_HZ, 1, "PCM_16") as audio:
                for talk in drawn(self._talks, each * MINUTE_MS, rng, new=new):
                    wave = talk.wave()
                    turns += moved(talk.turns, round(n_samples / PER_MS))
                    n_samples += len(wave)
                    audio.write(wave)
            write_reference(file, n_samples, turns)
            if n_samples < each * MINUTE_MS * PER_MS:
                print(f"{file.stem}: shorter than asked, as no new voices are left")
                break

    def speak(self, sets: Sequence[str]) -> None:
        """Write those of `meeting`, `monologue` and `crowd` that are asked for.

        Raises
        ------
        ListError
            If no speaker talks alone for long enough, or no talk has as few speakers as a meeting.
        """
        alone: dict[str, list[tuple[Talk, int, int]]] = defaultdict(list)
        for talk in self._talks:
            for name in speakers_of(talk.turns):
                spans = alone_ms(talk.turns, name)
                alone[name] += [(talk, b, e) for b, e in spans if e - b >= STRETCH_MS]
        total_ms = {name: sum(end - begin for _, begin, end in own) for name, own in alone.items()}
        names = sorted((n for n in total_ms if total_ms[n] >= VOICE_MS), key=lambda n: -total_ms[n])
        if not names:
            raise ListError([f"no speaker talks alone for {VOICE_MS / 1000:g} s"])
        for set_name in sets:
            for minutes in SPOKEN_MINUTES[set_name]:
                file, rng = self._begin(set_name, minutes)
                turns = self._plan(file.stem, minutes, names, rng)
                voices = {
                    name: Voice([talk.wave(*stretch) for talk, *stretch in alone[name]], rng)
                    for name in speakers_of(turns)
                }
                wave = speech(turns, voices, minutes * MINUTE_MS, rng)
                soundfile.write(file, wave, RATE_HZ, subtype="PCM_16")
                write_reference(file, len(wave), turns)

    def _plan(self, stem: str, minutes: int, names: list[str], rng: Generator) -> list[Turn]:
        """Plan the turns of a recording; `names` by talk time, longest first."""
        length_ms = minutes * MINUTE_MS
        singles = [[turn] for talk in self._talks for turn in talk.turns]
        if stem.startswith("crowd"):
            others = rng.permutation(np.array(names[N_MAIN:], dtype=object)).tolist()
            chosen = [*names[:N_MAIN], *others][: CROWDS[minutes]]
            if len(chosen) < CROWDS[minutes]:
                print(f"{stem}: expected {CROWDS[minutes]} speakers, the source has {len(chosen)}")
            lengths_ms = [turn.end_ms - turn.start_ms for (turn,) in singles]
            return crowd_turns(chosen, lengths_ms, length_ms, rng)
        n_voices = 1 if stem.startswith("monologue") else N_IN_MEETING
        voices = rng.permutation(names[:N_MAIN])[:n_voices].tolist()
        timings = singles if n_voices == 1 else [talk.turns for talk in self._talks]
        fitting = [timing for timing in timings if len(speakers_of(timing)) <= len(voices)]
        if not fitting:
            raise ListError([f"no recording has {len(voices)} speakers or fewer"])
        return meeting_turns(fitting, voices, length_ms, rng)

    def _begin(self, set_name: str, minutes: int) -> tuple[Path, Generator]:
        """Return the audio file of a recording, and its random numbers."""
        file = self._target / set_name / f"{set_name}_{minutes:03d}.flac"
        file.parent.mkdir(parents=True, exist_ok=True)
        return file, np.random.default_rng([self._seed, *file.stem.encode()])


def write_reference(file: Path, n_samples: int, turns: Sequence[Turn]) -> None:
    """Write the reference beside a recording, and print what was made."""
    text = rttm_text(file.stem, merged(turns))
    file.with_suffix(".rttm").write_text(text, encoding="utf-8")
    minutes = n_samples / PER_MS / MINUTE_MS
    print(f"{file.stem}: {minutes:.1f} minutes, {len(speakers_of(turns))} speakers")


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
        writer = Writer(talks, options.target, options.seed)
        for name in ("joined", "joined_new"):
            if name in options.sets:
                writer.join(options.minutes, new=name == "joined_new")
        if asked := [name for name in SPOKEN_MINUTES if name in options.sets]:
            writer.speak(asked)
    except (ListError, ScoringError, OSError, soundfile.SoundFileError) as error:
        print(f"lengthen: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
