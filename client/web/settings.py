"""What the gateway is told when it starts."""

from dataclasses import dataclass
from pathlib import Path

from sending.access import OPEN, Access

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Settings:
    """All that the gateway can be told; the defaults are those of its options.

    Parameters
    ----------
    work_dir : Path
        Folder of uploads, jobs and results; nobody else writes there.
    url, model_name, timeout_s, retry_for_s, access
        As for the client: where Triton is, how long one recording may take, how long it is sent
        again, and what opens the server.
    host, port
        Where the gateway listens.
    allowed_hosts : tuple[str, ...]
        Names by which it may be called; none: by any.
    trusted_proxies : tuple[str, ...]
        Addresses of reverse proxies whose X-Forwarded-For is believed.
    api_keys : tuple[bytes, ...]
        One of these opens the upload; none: it is open.
    most_upload_bytes : int
        Size of the largest file.
    long_s : float
        From this length on, in seconds of audio, a recording becomes a job of its own accord.
    n_at_once : int
        Jobs that Triton has at a time.
    most_waiting : int
        Jobs that may wait, and uploads under way, beyond those.
    most_stored_bytes : int
        Bytes of recordings on disk, all jobs and uploads under way together.
    keep_s : float
        Seconds that a job is kept after it ended, or was last corrected.
    rate_per_minute : int
        Uploads that one client may begin in a minute, and at once; 0: any number.
    most_uploads : int
        Uploads that one client may have under way.
    """

    work_dir: Path
    url: str = "localhost:8001"
    model_name: str = "run"
    timeout_s: float = 3600.0
    retry_for_s: float = 120.0
    access: Access = OPEN
    host: str = "127.0.0.1"
    port: int = 8080
    allowed_hosts: tuple[str, ...] = LOOPBACK_NAMES
    trusted_proxies: tuple[str, ...] = ()
    api_keys: tuple[bytes, ...] = ()
    most_upload_bytes: int = 1_000_000_000
    long_s: float = 600.0
    n_at_once: int = 4
    most_waiting: int = 100
    most_stored_bytes: int = 20_000_000_000
    keep_s: float = 3600.0
    rate_per_minute: int = 60
    most_uploads: int = 20
