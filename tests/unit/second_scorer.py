"""Diarization error rate by pyannote.metrics, set up so that it means what md-eval means.

Where the two define things differently, and what is done about it:

- Collar. md-eval leaves out `collar` seconds on either side of every end of a reference turn;
  pyannote's number is the width of the whole stretch, so it gets twice as much.
- Extent. Without a UEM file, md-eval scores from the first reference turn's begin to the last
  one's end, and pyannote over reference and answer together. pyannote gets the former as its UEM.
- Turns of one speaker that overlap. md-eval joins them; pyannote counts the speaker twice. They are
  joined here (`Annotation.support`). Turns that only touch stay two for the collar in md-eval, and
  `support` would make them one, so that only overlapping ones are joined.
- Match of speakers. Both take the match that shares most time: md-eval before the collars are cut
  out, pyannote's DiarizationErrorRate after. On short recordings that moves whole speakers (up to
  4 points seen). So pyannote's match is asked for without a collar here, and its
  IdentificationErrorRate counts what is left of the time with that match.

What remains is that md-eval prints hundredths of seconds.
"""

from pyannote.core import Annotation, Segment, Timeline
from pyannote.metrics.diarization import DiarizationErrorRate
from pyannote.metrics.identification import IdentificationErrorRate


def second_opinion(reference, found, collar_s):
    """DER, miss, false alarm and confusion, in percent, of turns (begin s, end s, speaker)."""
    true, answer, extent = _annotation(reference), _annotation(found), _extent(reference)
    match = DiarizationErrorRate(collar=0.0, skip_overlap=False).optimal_mapping(
        true, answer, uem=extent
    )
    metric = IdentificationErrorRate(collar=2 * collar_s, skip_overlap=False)
    return _in_percent(metric(true, _renamed(answer, match), uem=extent, detailed=True))


def untouched_opinion(reference, found, collar_s):
    """The same by pyannote's DiarizationErrorRate, whose match comes after the collars."""
    metric = DiarizationErrorRate(collar=2 * collar_s, skip_overlap=False)
    parts = metric(
        _annotation(reference), _annotation(found), uem=_extent(reference), detailed=True
    )
    return _in_percent(parts)


def _in_percent(parts):
    names = ("missed detection", "false alarm", "confusion")
    in_parts = [100 * parts[name] / parts["total"] for name in names]
    return sum(in_parts), *in_parts


def _extent(turns):
    return Timeline([Segment(min(turn[0] for turn in turns), max(turn[1] for turn in turns))])


def _renamed(answer, match):
    """Give found speakers their true ones' names; no other may have one of those by chance."""
    names = {name: match.get(name, ("found", name)) for name in answer.labels()}
    return answer.rename_labels(names)


def _annotation(turns):
    annotation = Annotation()
    for track, (begin_s, end_s, speaker) in enumerate(_joined(turns)):
        annotation[Segment(begin_s, end_s), track] = speaker
    return annotation


def _joined(turns):
    """Join turns of one speaker that overlap."""
    joined = []
    for begin_s, end_s, speaker in sorted(turns, key=lambda turn: (turn[2], turn[0])):
        last = joined[-1] if joined else None
        if last and last[2] == speaker and begin_s < last[1]:
            joined[-1] = (last[0], max(last[1], end_s), speaker)
        else:
            joined.append((begin_s, end_s, speaker))
    return joined
