"""REST and the web page on this machine, Triton behind them, until Ctrl-C or SIGTERM.

webapp.sh ends in this.
"""

import os
import signal
import subprocess
import sys
import threading

from server.processes import Process, exit_on_signals, signals_blocked, stop, unblock_signals
from server.server_log import ServerError
from server.supervisor import MAX_FAILED_STARTS, keep_running
from server.triton_server import READY_TIMEOUT_S, ROOT, TritonServer

APP = ROOT / "client" / "web" / "app.py"
LOG = ROOT / "data" / "log" / "tritonserver-webapp.log"
STOP_WITHIN_S = 30.0


def main() -> int:
    """Start the gateway, and a server unless one is given; return the exit status."""
    flags = sys.argv[1:]
    exit_on_signals()
    if {"-h", "--help"} & set(flags) or names_a_server(flags):
        os.execv(sys.executable, [sys.executable, str(APP), *flags])
    try:
        return serve(TritonServer(LOG), flags)
    except ServerError as error:
        sys.exit(f"webapp: {error}")


def names_a_server(flags: list[str]) -> bool:
    """Whether the flags give the address of a server."""
    return any(flag == "--url" or flag.startswith(("--url=", "-u")) for flag in flags)


def serve(server: TritonServer, flags: list[str]) -> int:
    """Start a server on free ports and the gateway in front of it; wait until one of them ends."""
    gateway: Process | None = None
    stopping = threading.Event()
    try:
        print("starting Triton on free ports ...", flush=True)
        server.start()
        with signals_blocked():
            command = [sys.executable, str(APP), f"--url={server.url}", *flags]
            gateway = subprocess.Popen(command, preexec_fn=unblock_signals)
        exit_with(gateway, stopping)
        raise keep_running(server, MAX_FAILED_STARTS, READY_TIMEOUT_S)
    except SystemExit:
        if gateway is None or gateway.poll() is None:
            raise
        return gateway.returncode  # it ended first, and has printed why
    finally:
        stopping.set()
        if gateway is not None:
            stop(gateway, STOP_WITHIN_S)
        server.stop()


def exit_with(gateway: Process, stopping: threading.Event) -> None:
    """Terminate this process when the gateway ends by itself."""

    def wait() -> None:
        gateway.wait()
        if not stopping.is_set():
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
