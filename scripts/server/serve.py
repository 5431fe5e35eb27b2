"""Run the server in the foreground until Ctrl-C or SIGTERM; serve.sh ends in this."""

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

from server.flags import Ports
from server.processes import exit_on_signals
from server.server_log import ServerError
from server.supervisor import MAX_FAILED_STARTS, keep_running
from server.triton_server import CLIENT_MODELS, DRAIN_S, READY_TIMEOUT_S, ROOT, TritonServer


def parse_arguments(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Parse our own flags; all others are returned, and are Triton's."""
    parser = argparse.ArgumentParser(
        prog="serve.sh",
        description="Serve diarization on this machine. Any other flag goes to tritonserver, "
        "e.g. --log-verbose=1, --grpc-address=0.0.0.0 or --model-repository=DIR.",
        allow_abbrev=False,
    )
    ports, add = Ports(), parser.add_argument
    # fmt: off
    add("--http-port", type=int, default=ports.http, help="default %(default)s")
    add("--grpc-port", type=int, default=ports.grpc, help="default %(default)s")
    add("--metrics-port", type=int, default=ports.metrics, help="default %(default)s")
    add("--free-ports", action="store_true", help="choose the ports; `ready` says which")
    add("--stop-with-stdin", action="store_true",
        help="stop when standard input ends, as it does with a program that started this")
    add("--log", type=Path,
        help="server's log, default data/log/tritonserver-<grpc port>.log; - is standard output")
    add("--ready-timeout", type=float, default=READY_TIMEOUT_S, metavar="S",
        help="seconds, default %(default)s")
    add("--restarts", type=_count, default=MAX_FAILED_STARTS, metavar="N",
        help="maximum restarts in a row that may fail; a server that was ready is always restarted "
        "when it ends or hangs, with 0 never; default %(default)s")
    add("--drain", type=float, default=DRAIN_S, metavar="S",
        help="maximum seconds for requests under way when it is stopped, default %(default)s")
    add("--drain-delay", type=float, default=0.0, metavar="S",
        help="seconds before that, in which it is not ready but still accepts requests, so that "
        "balancers send no more; default %(default)s")
    add("--client-models", default=CLIENT_MODELS, metavar="NAMES",
        help="models that clients may call, separated by commas, * for all; default %(default)s")
    # fmt: on
    return parser.parse_known_args(arguments)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number from 0 on")
    return int(text)


def _stop_with_stdin() -> None:
    while sys.stdin.buffer.read(1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Start the server, print `ready`, and keep it running."""
    options, flags = parse_arguments(sys.argv[1:])
    ports = Ports(options.http_port, options.grpc_port, options.metrics_port)
    if options.free_ports:
        ports = Ports.free()
    server = TritonServer(
        options.log or ROOT / "data" / "log" / f"tritonserver-{ports.grpc}.log",
        ports,
        flags,
        options.client_models,
    )
    exit_on_signals()
    if options.stop_with_stdin:
        threading.Thread(target=_stop_with_stdin, daemon=True).start()
    try:
        server.start(options.ready_timeout)
        print(
            f"ready: gRPC {ports.grpc}, HTTP {ports.http}, metrics {ports.metrics}; "
            f"log: {server.log}",
            flush=True,
        )
        raise keep_running(server, options.restarts, options.ready_timeout)
    except ServerError as error:
        sys.exit(f"serve: {error}")
    finally:
        server.stop(options.drain, options.drain_delay)


if __name__ == "__main__":
    main()
