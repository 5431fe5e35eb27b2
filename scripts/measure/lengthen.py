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
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from console.option_values import count
from console.text import NOT_IN_IDS
from inputs.recordings import ListError
from measure.evaluation.rttm_turns import Turn, rttm_text, speakers_of, turns_of
from measure.kit.corpus import folder_sets, folders_below
from scoring.scores import ScoringError

RATE_HZ, MINUTE_S = 16_000, 60
JOINED_MINUTES = (4, 8, 16, 30, 60, 120)
CROWDS = {15: 20, 30: 30, 60: 40}  # minutes: speakers
SPOKEN_MINUTES = {"meeting": (12, 30, 60), "monologue": (10, 30), "crowd": tuple(CROWDS)}
SETS = ("joined", "joined_new", *SPOKEN_MINUTES)
N_IN_MEETING, N_TALKATIVE = 4, 5
STRETCH_S, VOICE_S = 0.3, 5.0  # the least of a stretch of one speaker alone, and of all of them
BRIEF_S, BRIEF_TURN_S = (VOICE_S, 15.0), (1.5, 6.0)  # of those in a crowd who say little
PAUSE_S, OVERLAP_S, OVERLAP_SHARE = 0.4, (0.1, 0.8), 0.2  # mean pause; how far and often none
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
    def length_s(self) -> float:
        """Length of the audio."""
        return float(soundfile.info(self.path).duration)

    def wave(self, begin_s: float = 0.0, end_s: float | None = None) -> Wave:
        """Read a part, all channels mixed."""
        with soundfile.SoundFile(self.path) as file:
            file.seek(min(round(begin_s * file.samplerate), file.frames))
            n_frames = -1 if end_s is None else round((end_s - begin_s) * file.samplerate)
            mono = file.read(n_frames, dtype="float32", always_2d=True).mean(axis=1)
            return unclipped(soxr.resample(mono, file.samplerate, RATE_HZ))

    def alone_s(self, speaker: str) -> list[tuple[float, float]]:
        """Stretches of at least STRETCH_S in which nobody but `speaker` talks, (begin, end)."""
        end_ms = max(round(turn.end_s * 1000) for turn in self.turns)
        own, others = np.zeros((2, end_ms), bool)
        for begin_s, end_s, who in self.turns:
            (own if who == speaker else others)[round(begin_s * 1000) : round(end_s * 1000)] = True
        edges = np.diff(own & ~others, prepend=False, append=False).nonzero()[0] / 1000
        return [(begin, end) for begin, end in edges.reshape(-1, 2) if end - begin >= STRETCH_S]


class Voice:
    """What a speaker says alone, all at one level, read round and round from a random place."""

    def __init__(self, stretches: Iterable[Wave], rng: Generator) -> None:
        self._wave = np.concatenate([faded(levelled(each)) for each in stretches])
        self._place = int(rng.integers(len(self._wave)))

    def take(self, n_samples: int) -> Wave:
        """Read on."""
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
    if strangers := set(shared_names) - {each.name for each in sets}:
        raise ListError([f"there is no set {name!r} in {root}" for name in sorted(strangers)])
    talks = []
    for each in sets:
        for recording_id, path in ((one.recording_id, one.path) for one in each.recordings):
            where = each.name if each.name in shared_names else f"{each.name}-{recording_id}"
            prefix = NOT_IN_IDS.sub("_", where)
            turns = turns_of(each.reference[recording_id])
            end_s = soundfile.info(path).duration
            inside = [turn for turn in turns if turn.begin_s < end_s]
            renamed = (Turn(b, min(e, end_s), f"{prefix}-{name}") for b, e, name in inside)
            talks.append(Talk(path, merged(renamed)))
    talks = [talk for talk in talks if talk.turns]
    if not talks:
        raise ListError([f"no recording below {root} has turns"])
    return talks


def merged(turns: Iterable[Turn]) -> list[Turn]:
    """Join turns of one speaker that touch or overlap; by begin."""
    last: dict[str, int] = {}
    whole: list[Turn] = []
    for turn in sorted(turns):
        place = last.get(turn.speaker)
        if place is not None and turn.begin_s <= whole[place].end_s:
            whole[place] = whole[place]._replace(end_s=max(whole[place].end_s, turn.end_s))
        else:
            last[turn.speaker] = len(whole)
            whole.append(turn)
    return whole


def joined(talks: Sequence[Talk], length_s: float, rng: Generator, *, new: bool) -> Iterator[Talk]:
    """Draw talks until they are as long as asked, or, if `new`, nobody new is left."""
    heard: set[str] = set()
    rest: list[int] = []
    while length_s > 0:
        if not rest:
            if heard and new:
                return
            rest = list(rng.permutation(len(talks)))
        talk = talks[rest.pop()]
        names = speakers_of(talk.turns)
        if not (new and heard.intersection(names)):
            heard.update(names)
            length_s -= talk.length_s
            yield talk


def meeting_turns(
    timings: Sequence[Sequence[Turn]], voices: Sequence[str], length_s: float, rng: Generator
) -> list[Turn]:
    """Turns of `voices` timed as in `timings`, drawn at random; none has more speakers."""
    turns: list[Turn] = []
    now_s = 0.0
    while now_s < length_s:
        timing = timings[rng.integers(len(timings))]
        voice_of = dict(zip(speakers_of(timing), rng.permutation(voices), strict=False))
        shift_s = now_s - timing[0].begin_s
        turns += [Turn(b + shift_s, e + shift_s, str(voice_of[who])) for b, e, who in timing]
        now_s = max(turn.end_s for turn in turns) + rng.exponential(PAUSE_S)
    inside = [turn for turn in turns if turn.begin_s + STRETCH_S < length_s]
    return [turn._replace(end_s=min(turn.end_s, length_s)) for turn in inside]


def crowd_turns(
    names: Sequence[str], lengths_s: Sequence[float], length_s: float, rng: Generator
) -> list[Turn]:
    """Turns of talkative speakers, who come first in `names`, and of others who say little.

    Those of the others are spread over the recording; `lengths_s` are lengths for the talkative.
    """
    brief = []
    for name in names[N_TALKATIVE:]:
        total_s = rng.uniform(*BRIEF_S)
        least, most = int(-(-total_s // BRIEF_TURN_S[1])), int(total_s // BRIEF_TURN_S[0])
        n_turns = int(rng.integers(least, most + 1))
        brief += [(at_s, total_s / n_turns, name) for at_s in rng.uniform(0, length_s, n_turns)]
    brief.sort(reverse=True)
    turns: list[Turn] = []
    now_s = 0.0
    while brief or now_s < length_s:
        if brief and brief[-1][0] <= now_s:
            _, turn_s, name = brief.pop()
        else:
            turn_s, name = rng.choice(lengths_s), names[rng.integers(len(names[:N_TALKATIVE]))]
        pause_s = rng.exponential(PAUSE_S)
        if turns and turns[-1].speaker != name and rng.random() < OVERLAP_SHARE:
            pause_s = -min(rng.uniform(*OVERLAP_S), now_s - turns[-1].begin_s)
        begin_s = now_s + pause_s
        turns.append(Turn(begin_s, begin_s + float(turn_s), name))
        now_s = max(now_s, turns[-1].end_s)
    return turns


def spoken(
    turns: Sequence[Turn], voices: Mapping[str, Voice], length_s: float, rng: Generator
) -> Wave:
    """Let voices say their turns over faint white noise; at least `length_s` long."""
    length_s = max([length_s, *(turn.end_s for turn in turns)])
    wave = rng.standard_normal(round(length_s * RATE_HZ), dtype=np.float32)
    wave *= LEVEL * 10 ** (NOISE_DB / 20)
    for turn in turns:
        begin, end = (round(time_s * RATE_HZ) for time_s in turn[:2])
        wave[begin:end] += voices[turn.speaker].take(end - begin)
    return unclipped(wave)


def levelled(wave: Wave) -> Wave:
    """The same with a root mean square of LEVEL; silence stays as it is."""
    level = np.sqrt(np.mean(wave**2))
    return wave * np.float32(LEVEL / level) if level else wave


def faded(wave: Wave) -> Wave:
    """The same with its first and last FADE_S faded in and out."""
    ramp = np.minimum(1, np.arange(1, len(wave) + 1, dtype=np.float32) / (FADE_S * RATE_HZ))
    return wave * ramp * ramp[::-1]


def unclipped(wave: Wave) -> Wave:
    """The same, or fainter where it would go beyond 1."""
    return wave / max(1.0, np.abs(wave).max(initial=0.0))


class Writer:
    """Writes sets below `target`; a recording depends on the talks, the seed and its own name."""

    def __init__(self, talks: Sequence[Talk], target: Path, seed: int) -> None:
        self._talks, self._target, self._seed = talks, target, seed

    def join(self, minutes: Sequence[int], *, new: bool) -> None:
        """Write recordings one after another; if `new`, as long as there are new voices."""
        set_name = "joined_new" if new else "joined"
        for each in sorted(minutes):
            file, rng = self._begun(set_name, each)
            turns: list[Turn] = []
            n_samples = 0
            with soundfile.SoundFile(file, "w", RATE_HZ, 1, "PCM_16") as audio:
                for talk in joined(self._talks, each * MINUTE_S, rng, new=new):
                    wave, shift_s = talk.wave(), n_samples / RATE_HZ
                    n_samples += len(wave)
                    turns += [Turn(b + shift_s, e + shift_s, name) for b, e, name in talk.turns]
                    audio.write(wave)
            finished(file, n_samples, turns)
            if n_samples < each * MINUTE_S * RATE_HZ:
                print(f"{file.stem}: shorter than asked, as no new voices are left")
                break

    def speak(self, sets: Sequence[str]) -> None:
        """Write those of `meeting`, `monologue` and `crowd` that are asked for.

        Raises
        ------
        ListError
            If nobody talks alone for long enough, or no talk has as few speakers as a meeting.
        """
        alone: dict[str, list[tuple[Talk, float, float]]] = defaultdict(list)
        for talk in self._talks:
            for name in speakers_of(talk.turns):
                alone[name] += [(talk, *stretch) for stretch in talk.alone_s(name)]
        total_s = {name: sum(end - begin for _, begin, end in own) for name, own in alone.items()}
        names = sorted((n for n in total_s if total_s[n] >= VOICE_S), key=lambda n: -total_s[n])
        if not names:
            raise ListError([f"no speaker talks alone for {VOICE_S:g} s"])
        for set_name in sets:
            for minutes in SPOKEN_MINUTES[set_name]:
                file, rng = self._begun(set_name, minutes)
                turns = self._planned(file.stem, minutes, names, rng)
                voices = {
                    name: Voice([talk.wave(*stretch) for talk, *stretch in alone[name]], rng)
                    for name in speakers_of(turns)
                }
                wave = spoken(turns, voices, minutes * MINUTE_S, rng)
                soundfile.write(file, wave, RATE_HZ, subtype="PCM_16")
                finished(file, len(wave), turns)

    def _planned(self, stem: str, minutes: int, names: list[str], rng: Generator) -> list[Turn]:
        """Who talks when in a recording; `names` by how much they say."""
        length_s = minutes * MINUTE_S
        singles = [[turn] for talk in self._talks for turn in talk.turns]
        if stem.startswith("crowd"):
            others = rng.permutation(np.array(names[N_TALKATIVE:], dtype=object)).tolist()
            chosen = [*names[:N_TALKATIVE], *others][: CROWDS[minutes]]
            if len(chosen) < CROWDS[minutes]:
                print(f"{stem}: expected {CROWDS[minutes]} speakers, the source has {len(chosen)}")
            lengths_s = [turn.end_s - turn.begin_s for (turn,) in singles]
            return crowd_turns(chosen, lengths_s, length_s, rng)
        n_voices = 1 if stem.startswith("monologue") else N_IN_MEETING
        voices = rng.permutation(names[:N_TALKATIVE])[:n_voices].tolist()
        timings = singles if n_voices == 1 else [talk.turns for talk in self._talks]
        fitting = [timing for timing in timings if len(speakers_of(timing)) <= len(voices)]
        if not fitting:
            raise ListError([f"no recording has {len(voices)} speakers or fewer"])
        return meeting_turns(fitting, voices, length_s, rng)

    def _begun(self, set_name: str, minutes: int) -> tuple[Path, Generator]:
        """The audio file of a recording, and its random numbers."""
        file = self._target / set_name / f"{set_name}_{minutes:03d}.flac"
        file.parent.mkdir(parents=True, exist_ok=True)
        return file, np.random.default_rng([self._seed, *file.stem.encode()])


def finished(file: Path, n_samples: int, turns: Sequence[Turn]) -> None:
    """Write the reference beside a recording, and say so."""
    text = rttm_text(file.stem, merged(turns))
    file.with_suffix(".rttm").write_text(text, encoding="utf-8")
    minutes = n_samples / RATE_HZ / MINUTE_S
    print(f"{file.stem}: {minutes:.1f} minutes, {len(speakers_of(turns))} speakers")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("source", type=Path, help="folder of sets, as evaluate.py --root takes it")
    add("target", type=Path, help="where the sets go: a folder not there yet")
    add("--sets", nargs="+", choices=SETS, default=SETS, help="which to make (default: all)")
    add("--minutes", nargs="+", type=count, default=JOINED_MINUTES, help="lengths of `joined*`")
    add("--shared_names", nargs="+", default=[], metavar="SET",
        help="sets in which a name is the same person in all recordings")  # fmt: skip
    add("--seed", type=int, default=0, help="of all that is drawn (default: %(default)s)")
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
