"""The gateway's command line."""

import argparse
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from console.option_values import count, positive_seconds, seconds_from_zero
from console.options import DEFAULT_JOBS, DEFAULT_RETRY_FOR_S, add_access
from sending.access import access
from web.guards import keys_in
from web.settings import LOOPBACK_NAMES, Settings

MEGABYTE = 1_000_000
_DEFAULTS = Settings(Path())


def parsed_settings(argv: Sequence[str] | None) -> Settings:
    """Parse the command line; ends the program with exit code 2 if it is wrong.

    Raises
    ------
    AccessError, KeyFileError
        If a certificate or the file of keys cannot be used.
    """
    options = _parser().parse_args(argv)
    return Settings(
        work_dir=options.work_dir or _default_folder(options.port),
        url=options.url,
        model_name=options.model_name,
        timeout_s=options.timeout,
        retry_for_s=options.retry_for,
        access=access(options),
        host=options.host,
        port=options.port,
        allowed_hosts=_names(options.host, options.allowed_host),
        trusted_proxies=tuple(options.trusted_proxy),
        api_keys=keys_in(options.api_key_file) if options.api_key_file else (),
        most_upload_bytes=options.upload_mb * MEGABYTE,
        long_s=options.long,
        n_at_once=options.jobs,
        most_waiting=options.most_waiting,
        most_stored_bytes=options.stored_mb * MEGABYTE,
        keep_s=options.keep,
        rate_per_minute=options.rate,
        most_uploads=options.uploads,
    )


def _names(host: str, given: Sequence[str]) -> tuple[str, ...]:
    """By which it may be called: those of loopback too, which nobody can point elsewhere."""
    return (*LOOPBACK_NAMES, *given) if given or host in LOOPBACK_NAMES else ()


def _default_folder(port: int) -> Path:
    return Path(tempfile.gettempdir()) / f"diarization-web-{os.getuid()}-{port}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="app.py",
        description="Serve REST, and the web page, in front of a diarization server.",
        allow_abbrev=False,
    )
    _add_place(parser)
    _add_triton(parser)
    add_access(parser)
    _add_limits(parser)
    return parser


def _add_place(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("where it listens, and to whom").add_argument
    add("--host", default=_DEFAULTS.host, help="address (default: %(default)s)")
    add("--port", type=_port, default=_DEFAULTS.port, help="default: %(default)s")
    add(
        "--allowed_host",
        metavar="NAME",
        action="append",
        default=[],
        help="name it may be called by, beside those of loopback; repeatable (default: on loopback "
        "none, else any)",
    )
    add(
        "--trusted_proxy",
        metavar="ADDRESS",
        action="append",
        default=[],
        help="reverse proxy whose X-Forwarded-For is believed, repeatable (default: none)",
    )
    add(
        "--api_key_file",
        metavar="FILE",
        type=Path,
        help="keys, one a line; an upload needs one of them (default: none needed)",
    )
    add(
        "--work_dir",
        metavar="DIR",
        type=Path,
        help="uploads, jobs and results; one gateway's alone (default: in the folder for temporary "
        "files, by user and port)",
    )


def _add_triton(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("diarization server").add_argument
    add("-u", "--url", default=_DEFAULTS.url, help="gRPC host:port (default: %(default)s)")
    add("--model_name", default=_DEFAULTS.model_name, help="default: %(default)s")
    add(
        "--jobs",
        metavar="N",
        type=count,
        default=DEFAULT_JOBS,
        help="recordings that it has at a time (default: %(default)s)",
    )
    add(
        "--timeout",
        metavar="SECONDS",
        type=positive_seconds,
        default=_DEFAULTS.timeout_s,
        help="longest time for one recording (default: %(default)g)",
    )
    add(
        "--retry_for",
        metavar="SECONDS",
        type=seconds_from_zero,
        default=DEFAULT_RETRY_FOR_S,
        help="how long a recording is sent again where the server is away (default: %(default)g)",
    )


def _add_limits(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("limits").add_argument
    mega = _DEFAULTS.most_upload_bytes // MEGABYTE
    stored = _DEFAULTS.most_stored_bytes // MEGABYTE
    for name, kind, default, text in (
        ("upload_mb", count, mega, "largest file, 10^6 bytes"),
        ("stored_mb", count, stored, "all recordings that are kept, 10^6 bytes"),
        ("long", seconds_from_zero, _DEFAULTS.long_s, "seconds of audio; longer ones become jobs"),
        (
            "keep",
            positive_seconds,
            _DEFAULTS.keep_s,
            "seconds that a job is kept after its end or a correction",
        ),
        ("most_waiting", count, _DEFAULTS.most_waiting, "recordings that may wait"),
        ("rate", _rate, _DEFAULTS.rate_per_minute, "uploads a minute of one address; 0: any"),
        ("uploads", count, _DEFAULTS.most_uploads, "uploads of one address under way"),
    ):
        shown = f"{text} (default: %(default)g)"
        add(f"--{name}", metavar="N", type=kind, default=default, help=shown)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 2**16):
        raise argparse.ArgumentTypeError(f"expected a port from 0 to 65535, got {text!r}")
    return int(text)


def _rate(text: str) -> int:
    return 0 if text == "0" else count(text)
