"""Make one HTML page of a recording and its RTTM, to look at and to listen to.

`python report.py --help` lists the options and exit codes. It needs no server.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from console.text import shown
from formats.atomic_file import OutputError, write_atomically
from formats.output import print_bytes, stop_printing
from formats.result import FormatError, Result, Turn
from formats.rttm import RttmError, read_rttm, turns_of
from inputs.audio_files import AudioError
from inputs.recordings import ListError, id_problem, single_recording
from viewer.page import build_page
from viewer.sound import Outline, load_sound

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
_ROUNDED_MS = 1000
_MAX_NAMED = 3
EPILOG = """\
examples:
  report.py talk.wav rttm_talk
  report.py talk.wav rttm_talk --reference=talk.ref.rttm --output=talk.html

If RTTM holds several recordings, the one with the audio file's name is used.

exit codes:
  0    the page is written
  1    the page cannot be written
  2    wrong usage, or files that cannot be read or do not fit together
  130  interrupted by Ctrl-C: no page is written
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run with these command-line arguments and return the exit code."""
    options = _parser().parse_args(argv)
    try:
        print_bytes(os.fsencode(_write(options)) + b"\n", "the page's name")
    except (AudioError, ListError, RttmError, FormatError) as error:
        print(f"ERROR: {shown(str(error))}", file=sys.stderr)
        return USAGE
    except OutputError as error:
        print(f"ERROR: {shown(str(error))}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        stop_printing()
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    return OK


def _write(options: argparse.Namespace) -> Path:
    """Write the page and return its path."""
    recording_id, text = _page(options.audio, options.rttm, options.reference)
    output: Path = options.output or _beside(options.rttm, recording_id)
    write_atomically(output, text)
    return output


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="report.py",
        description="Make one HTML page of a recording and its RTTM.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("audio", metavar="AUDIO", type=Path, help="the recording")
    add("rttm", metavar="RTTM", type=Path, help="who spoke when: an RTTM file")
    add("--reference", metavar="PATH", type=Path, help="true RTTM, file or folder, to mark errors")
    add("--output", metavar="FILE", type=Path, help="default: <id>.html beside RTTM")
    return parser


def _page(audio: Path, rttm: Path, reference: Path | None) -> tuple[str, str]:
    """Read the files, and return the recording's id and its page."""
    by_name = single_recording(str(audio)).recording_id
    recording_id, lines = _own(read_rttm(rttm, "RTTM"), by_name, rttm)
    result = Result(recording_id, turns_of(lines))
    true_turns = None
    if reference:
        names = (recording_id, by_name)
        references = read_rttm(reference, "reference")
        name = next((name for name in names if name in references), None)
        if name is None:
            raise RttmError(f"reference {reference} has no line of recording {recording_id!r}")
        true_turns = turns_of(references[name])
    outline, sound = load_sound(audio)
    _refuse_beyond(result.turns, outline, rttm)
    _refuse_beyond(true_turns or (), outline, reference)
    return recording_id, build_page(result, true_turns, outline, sound)


def _own(recordings: Mapping[str, list[str]], by_name: str, rttm: Path) -> tuple[str, list[str]]:
    """Pick the recording's id and lines from the file."""
    if not recordings:
        return by_name, []  # no speech
    if len(recordings) == 1:
        return next(iter(recordings.items()))
    if by_name not in recordings:
        some = ", ".join(sorted(recordings)[:_MAX_NAMED])
        raise RttmError(
            f"{rttm} holds {len(recordings)} recordings ({some}, ...), expected {by_name!r} among "
            "them, the audio file's name, or one recording alone"
        )
    return by_name, recordings[by_name]


def _refuse_beyond(turns: Sequence[Turn], outline: Outline, origin: Path | None) -> None:
    """Refuse turns of another recording; up to a second more is allowed, since tools round."""
    last_ms = max((turn.end_ms for turn in turns), default=0)
    if last_ms > outline.audio_ms + _ROUNDED_MS:
        raise RttmError(
            f"{origin} has a turn up to {last_ms / 1000:.3f} s, expected none beyond the "
            f"recording's end at {outline.audio_ms / 1000:.3f} s: is it of another recording?"
        )


def _beside(rttm: Path, recording_id: str) -> Path:
    if problem := id_problem(recording_id):  # untrusted RTTM must not choose the folder
        raise RttmError(f"{rttm}: {problem}; or --output")
    return (rttm if rttm.is_dir() else rttm.parent) / f"{recording_id}.html"


if __name__ == "__main__":
    sys.exit(main())
