r"""Fetch one set of VoxConverse, recordings and references, and lay it out for the client.

    scripts/setup/prepare_voxconverse.sh dev
    python client/client.py --wavscp=data/voxconverse/dev/wav.scp \
        --output_directory=output/voxconverse-dev --reference=data/voxconverse/dev/ref.rttm

Audio comes from the authors' page, the reference RTTM, version 0.3, from their repository
(joonson/voxconverse, commit 24bf60be); another place may be a mirror, or an archive that you have.
Downloads are continued where they were cut, checked, and removed when unpacked; what is in place
and unchanged is left alone. No checksum of the archives is pinned: it is recorded on first use.

VoxConverse is CC BY 4.0, for research; the copyright stays with the owners of the videos.

Exit status: 0 the set is in place, 1 something failed, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from setup.fetching import PROJECT, exit_code, report
from setup.voxconverse.archives import Archive, get_archive
from setup.voxconverse.contents import audio_seconds
from setup.voxconverse.sets import (
    alone_in,
    is_prepared,
    link_as_upstream,
    recording_ids,
    unpack_set,
    wav_path,
    write_lists,
)
from setup.voxconverse.sources import AUDIO_URL, RTTM_URL, SETS


def command_line() -> argparse.ArgumentParser:
    """Describe the options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("set", nargs="?", choices=SETS, default=SETS[0], help="default: %(default)s")
    add(
        "--data_dir",
        type=Path,
        default=PROJECT / "data",
        metavar="DIR",
        help="gets voxconverse/<set> (default: the project's data)",
    )
    default_audio = AUDIO_URL.format(name="<set>")
    add("--audio_url", metavar="URL|PATH", help=f"zip of the recordings (default: {default_audio})")
    add(
        "--rttm_url",
        metavar="URL|PATH",
        default=RTTM_URL,
        help="zip of the references, <set>/<id>.rttm in any folder (default: %(default)s)",
    )
    add(
        "--keep-archives",
        "--keep_archives",
        action="store_true",
        help="do not remove the archives in voxconverse/ when they are unpacked",
    )
    return parser


def prepare(options: argparse.Namespace) -> None:
    """Put one set in place and tell how to use it."""
    folder: Path = options.data_dir / "voxconverse"
    target = folder / options.set
    with alone_in(folder):
        if not is_prepared(target):
            fetch_and_unpack(options, folder, target)
        names = recording_ids(target)
        write_lists(target, names)
        link_as_upstream(target)
    hours = sum(audio_seconds(wav_path(target, name), name) for name in names) / 3600
    report(target, f"{len(names)} recordings, {hours:.2f} hours")


def fetch_and_unpack(options: argparse.Namespace, folder: Path, target: Path) -> None:
    """Get both archives, unpack them, record their checksums, and remove those in `folder`."""
    places = [options.rttm_url, options.audio_url or AUDIO_URL.format(name=options.set)]
    rttm, audio = (get_archive(place, folder) for place in places)
    unpack_set(options.set, target, audio, rttm)
    for archive in (rttm, audio):
        archive.record_checksum()
        if not options.keep_archives:
            remove_fetched(archive, folder)


def remove_fetched(archive: Archive, folder: Path) -> None:
    """Remove an archive, unless it is one that lies elsewhere."""
    if archive.path.parent == folder:
        archive.path.unlink()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    options = command_line().parse_args(arguments)
    return exit_code(lambda: prepare(options), ValueError)


if __name__ == "__main__":
    sys.exit(main())
