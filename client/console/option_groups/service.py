"""Options that tell where the service is, and how patient and how eager to be with it."""

import argparse
import os

from console.option_values import count, positive_seconds, seconds_from_zero

URL_VARIABLE = "DIARIZATION_URL"
DEFAULT_URL = "localhost:8001"
# The longest recording that a server takes by default, 12 hours, needs under half an hour alone on
# 2 CPU cores; others share them.
DEFAULT_TIMEOUT_S = 3600.0
DEFAULT_JOBS = 4
DEFAULT_RETRY_FOR_S = 120.0  # a server that is restarted is back within half a minute


def add_service(parser: argparse.ArgumentParser) -> None:
    """Add the group."""
    add = parser.add_argument_group("service").add_argument
    add(
        "-u",
        "--url",
        metavar="HOST:PORT",
        default=os.environ.get(URL_VARIABLE) or DEFAULT_URL,
        help=f"gRPC address (default: ${URL_VARIABLE}, else {DEFAULT_URL})",
    )
    add("--model_name", metavar="NAME", default="run", help="model to ask (default: %(default)s)")
    add(
        "--jobs",
        metavar="N",
        type=count,
        default=DEFAULT_JOBS,
        help="recordings in flight (default: %(default)s)",
    )
    add(
        "--timeout",
        metavar="SECONDS",
        type=positive_seconds,
        default=DEFAULT_TIMEOUT_S,
        help="longest time for one recording, its wait in the server included (default: "
        "%(default)g)",
    )
    add(
        "--retry_for",
        metavar="SECONDS",
        type=seconds_from_zero,
        default=DEFAULT_RETRY_FOR_S,
        help="how long after its first failure a recording is still sent again, where the server "
        "may come back; 0: never (default: %(default)g)",
    )
