"""How right the turns of live sessions are, set by set."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing.pool import ThreadPool
from pathlib import Path
from statistics import fmean

from console.options import LIVE_MODEL
from console.run_report import RunReport, log
from formats.result import Turn, speakers_of
from formats.rttm import rttm_text, turns_of
from inputs.recordings import Recording
from measure.kit.corpus import EvaluationSet
from measure.kit.sending import Connection, outcomes
from measure.live_measuring.streaming import LiveError, Streamed, stream
from measure.live_measuring.turns import first_reported, n_relabels, relabelled
from scoring.scores import Scorer
from sending.outcome import Failure

FIRST, RELABELLED, RESULT = KINDS = ("first", "relabelled", "result")
SETTLED_S = 60.0  # only from here on relabels are counted
MEAN = "mean"


@dataclass(frozen=True)
class SetFigures:
    """Figures of a set at a latency.

    Parameters
    ----------
    ders
        DER in percent by kind of turns, one for each of scoring.COLLARS_S; none without speech.
    relabels_per_min
        After SETTLED_S; None where no recording is longer.
    n_speakers
        True ones, after relabels, in the result: means over the recordings.
    n_as_run
        Number of recordings with the result that `run` gives; None for another program.
    """

    name: str
    latency_s: str
    n_recordings: int
    audio_s: float
    ders: Mapping[str, Sequence[float]]
    relabels_per_min: float | None
    n_speakers: tuple[float, float, float]
    n_as_run: int | None


def measure_sets(
    sets: Sequence[EvaluationSet],
    latencies_s: Sequence[str],
    piece_s: float,
    connection: Connection,
    md_eval: Path,
) -> list[SetFigures]:
    """Measure every set at every latency.

    Parameters
    ----------
    connection
        To the model `run`; as many recordings are in flight there as at `stream`.

    Raises
    ------
    AudioError, LiveError, ScoringError
        If a recording cannot be read, has no answer, or cannot be scored.
    """
    to_stream = replace(connection, model_name=LIVE_MODEL, parameters={})
    figures = []
    for each in sets:
        answers = answers_of_run(each.recordings, connection)
        for latency_s in latencies_s:
            with ThreadPool(connection.jobs) as pool:
                streamed = pool.starmap(
                    stream, [(to_stream, one, latency_s, piece_s) for one in each.recordings]
                )
            figures.append(set_figures(each, latency_s, streamed, answers, md_eval))
            log.info("set %s is measured at a latency of %s s", each.name, latency_s)
    return figures


def answers_of_run(recordings: Sequence[Recording], connection: Connection) -> dict[str, bytes]:
    """RTTM of `run` by id; LiveError for a recording without."""
    report = RunReport(len(recordings))
    answers = {}
    with connection.service() as service:
        for outcome in outcomes(service, recordings, connection.jobs, report):
            if isinstance(outcome, Failure):
                name = outcome.recording.recording_id
                raise LiveError(f"{name}: the recording has no result of `run`")
            answers[outcome.recording.recording_id] = outcome.rttm
    report.close()
    return answers


def set_figures(
    evaluation_set: EvaluationSet,
    latency_s: str,
    streamed: Sequence[Streamed],
    answers: Mapping[str, bytes] | None,
    md_eval: Path,
) -> SetFigures:
    """Score what was reported about the recordings of a set.

    `answers` are those of `run`, None for another program.
    """
    reference = evaluation_set.reference
    names = [each.recording_id for each in streamed]
    turns: dict[str, list[Sequence[Turn]]] = {
        FIRST: [first_reported(each.events) for each in streamed],
        RELABELLED: [relabelled(each.events) for each in streamed],
        RESULT: [turns_of(each.rttm.decode().splitlines()) for each in streamed],
    }
    spoken = {name: reference[name] for name in names if reference[name]}
    scorer = Scorer(md_eval, spoken)
    ders = {}
    for kind, of_kind in turns.items() if spoken else ():
        rttms = {
            name: rttm_text(name, own).encode() for name, own in zip(names, of_kind, strict=True)
        }
        ders[kind] = [score.der for score in scorer.scores(rttms)]
    true = [turns_of(reference[name]) for name in names]
    n_true, n_live, n_found = (
        fmean(len(speakers_of(each)) for each in of_kind)
        for of_kind in (true, turns[RELABELLED], turns[RESULT])
    )
    return SetFigures(
        evaluation_set.name,
        latency_s,
        len(streamed),
        sum(each.audio_s for each in streamed),
        ders,
        relabels_per_min(streamed),
        (n_true, n_live, n_found),
        None
        if answers is None
        else sum(each.rttm == answers[each.recording_id] for each in streamed),
    )


def relabels_per_min(streamed: Iterable[Streamed]) -> float | None:
    """Relabels per minute of audio after SETTLED_S, recordings together."""
    longer = [each for each in streamed if each.audio_s > SETTLED_S]
    if not longer:
        return None
    n = sum(n_relabels(each.events, SETTLED_S) for each in longer)
    return 60 * n / sum(each.audio_s - SETTLED_S for each in longer)


def means(figures: Sequence[SetFigures]) -> list[SetFigures]:
    """For each latency the means over the sets, which weigh the same; recordings are added."""
    latencies_s = dict.fromkeys(each.latency_s for each in figures)
    return [_mean([each for each in figures if each.latency_s == one]) for one in latencies_s]


def _mean(figures: Sequence[SetFigures]) -> SetFigures:
    spoken = [each.ders for each in figures if each.ders]
    rates = [each.relabels_per_min for each in figures if each.relabels_per_min is not None]
    as_run = [each.n_as_run for each in figures if each.n_as_run is not None]
    n_true, n_live, n_found = map(fmean, zip(*(each.n_speakers for each in figures), strict=True))
    return SetFigures(
        MEAN,
        figures[0].latency_s,
        sum(each.n_recordings for each in figures),
        sum(each.audio_s for each in figures),
        {
            kind: [fmean(same) for same in zip(*(each[kind] for each in spoken), strict=True)]
            for kind in (KINDS if spoken else ())
        },
        fmean(rates) if rates else None,
        (n_true, n_live, n_found),
        sum(as_run) if as_run else None,
    )
