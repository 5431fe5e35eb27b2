"""The gateway's settings, and the command line that they come from."""

import argparse
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from console.option_values import count, positive_seconds, seconds_from_zero
from console.options import DEFAULT_JOBS, DEFAULT_RETRY_FOR_S, add_access
from sending.access import OPEN, Access, access
from web.http.access import read_keys

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Settings:
    """All settings; the defaults are those of the options."""

    work_dir: Path  # private: uploads, jobs and results
    url: str = "localhost:8001"  # of Triton, as the next four
    model_name: str = "run"
    timeout_s: float = 3600.0  # for one recording
    retry_for_s: float = DEFAULT_RETRY_FOR_S
    access: Access = OPEN
    host: str = "127.0.0.1"
    port: int = 8080
    allowed_hosts: tuple[str, ...] = LOOPBACK_NAMES  # host names that are served; empty: any
    trusted_proxies: tuple[str, ...] = ()  # addresses whose X-Forwarded-For is trusted
    api_keys: tuple[bytes, ...] = ()  # an upload needs one of these; empty: none
    max_upload_bytes: int = 1_000_000_000  # of a file
    long_s: float = 600.0  # longer recordings always become jobs
    n_workers: int = DEFAULT_JOBS  # recordings that are sent to Triton at a time
    max_waiting: int = 100  # queued jobs and uploads in progress, beyond those
    max_stored_bytes: int = 20_000_000_000  # of all recordings, uploads in progress included
    keep_s: float = 3600.0  # of a job, after its end or its last correction
    rate_per_minute: int = 60  # uploads that a client may start, and at once; 0: unlimited
    max_client_uploads: int = 20  # in progress; also live streams of a client
    max_streams: int = 32  # live ones, as many as `stream` has sessions


_DEFAULTS = Settings(Path())


def parse_settings(argv: Sequence[str] | None) -> Settings:
    """Parse the command line; exits with status 2 if it is wrong.

    Raises
    ------
    AccessError, KeyFileError
        If a certificate or the file of keys cannot be used.
    """
    options = _parser().parse_args(argv)
    return Settings(
        work_dir=options.work_dir or _default_work_dir(options.port),
        url=options.url,
        model_name=options.model_name,
        timeout_s=options.timeout,
        retry_for_s=options.retry_for,
        access=access(options),
        host=options.host,
        port=options.port,
        allowed_hosts=_allowed_hosts(options.host, options.allowed_host),
        trusted_proxies=tuple(options.trusted_proxy),
        api_keys=read_keys(options.api_key_file) if options.api_key_file else (),
        max_upload_bytes=options.upload_mb * MEGABYTE,
        long_s=options.long,
        n_workers=options.jobs,
        max_waiting=options.most_waiting,
        max_stored_bytes=options.stored_mb * MEGABYTE,
        keep_s=options.keep,
        rate_per_minute=options.rate,
        max_client_uploads=options.uploads,
        max_streams=options.streams,
    )


def _allowed_hosts(host: str, given: Sequence[str]) -> tuple[str, ...]:
    """Allow the loopback names too: no foreign DNS record can claim them."""
    return (*LOOPBACK_NAMES, *given) if given or host in LOOPBACK_NAMES else ()


def _default_work_dir(port: int) -> Path:
    return Path(tempfile.gettempdir()) / f"diarization-web-{os.getuid()}-{port}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="app.py",
        description="Serve REST, and the web page, in front of a diarization server.",
        allow_abbrev=False,
    )
    _add_listening(parser)
    _add_triton(parser)
    add_access(parser)
    _add_limits(parser)
    return parser


def _add_listening(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("the gateway and its callers").add_argument
    add("--host", default=_DEFAULTS.host, help="address to listen on (default: %(default)s)")
    add("--port", type=_port, default=_DEFAULTS.port, help="default: %(default)s")
    add(
        "--allowed_host",
        metavar="NAME",
        action="append",
        default=[],
        help="host name to serve, beside those of loopback; repeatable (default: on loopback no "
        "other, else any)",
    )
    add(
        "--trusted_proxy",
        metavar="ADDRESS",
        action="append",
        default=[],
        help="reverse proxy whose X-Forwarded-For is trusted, repeatable (default: none)",
    )
    add(
        "--api_key_file",
        metavar="FILE",
        type=Path,
        help="keys, one per line; an upload needs one of them (default: none needed)",
    )
    add(
        "--work_dir",
        metavar="DIR",
        type=Path,
        help="uploads, jobs and results of this gateway alone (default: in the folder for "
        "temporary files, by user and port)",
    )


def _add_triton(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("diarization server").add_argument
    add("-u", "--url", default=_DEFAULTS.url, help="gRPC host:port[,...] (default: %(default)s)")
    add("--model_name", default=_DEFAULTS.model_name, help="default: %(default)s")
    add(
        "--jobs",
        metavar="N",
        type=count,
        default=_DEFAULTS.n_workers,
        help="recordings sent to it at a time (default: %(default)s)",
    )
    add(
        "--timeout",
        metavar="SECONDS",
        type=positive_seconds,
        default=_DEFAULTS.timeout_s,
        help="time limit of a recording (default: %(default)g)",
    )
    add(
        "--retry_for",
        metavar="SECONDS",
        type=seconds_from_zero,
        default=_DEFAULTS.retry_for_s,
        help="how long a recording is retried while the server is unavailable (default: "
        "%(default)g)",
    )


def _add_limits(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("limits").add_argument
    upload_mb = _DEFAULTS.max_upload_bytes // MEGABYTE
    stored_mb = _DEFAULTS.max_stored_bytes // MEGABYTE
    for name, kind, default, text in (
        ("upload_mb", count, upload_mb, "size of a file, 10^6 bytes"),
        ("stored_mb", count, stored_mb, "size of all recordings on disk, 10^6 bytes"),
        (
            "long",
            seconds_from_zero,
            _DEFAULTS.long_s,
            "seconds of audio; longer recordings become jobs",
        ),
        (
            "keep",
            positive_seconds,
            _DEFAULTS.keep_s,
            "seconds that a job is kept after its end or a correction",
        ),
        ("most_waiting", count, _DEFAULTS.max_waiting, "recordings in the queue"),
        ("rate", _rate, _DEFAULTS.rate_per_minute, "uploads per minute and address; 0: unlimited"),
        ("uploads", count, _DEFAULTS.max_client_uploads, "uploads in progress per address"),
        ("streams", count, _DEFAULTS.max_streams, "live streams at a time"),
    ):
        help_ = f"{text} (default: %(default)g)"
        add(f"--{name}", metavar="N", type=kind, default=default, help=help_)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 2**16):
        raise argparse.ArgumentTypeError(f"expected a port from 0 to 65535, got {text!r}")
    return int(text)


def _rate(text: str) -> int:
    return 0 if text == "0" else count(text)
