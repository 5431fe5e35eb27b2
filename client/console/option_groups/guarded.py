"""Options for a server that is guarded: keys in headers, and TLS."""

import argparse
from pathlib import Path

from sending.access import headers


def add_access(parser: argparse.ArgumentParser) -> None:
    """Add the group."""
    add = parser.add_argument_group("access to a guarded server").add_argument
    add(
        "--header",
        metavar="'NAME: VALUE'|@FILE",
        type=headers,
        action="append",
        default=[],
        help="sent with every call, e.g. a key; may be repeated; @FILE holds one per line",
    )
    add("--ssl", action="store_true", help="encrypt; the options below imply it")
    add(
        "--ssl_ca",
        metavar="FILE",
        type=Path,
        help="certificates (PEM) that the server's must be signed by (default: the public "
        "authorities that gRPC knows)",
    )
    add("--ssl_cert", metavar="FILE", type=Path, help="your own certificate (PEM), with --ssl_key")
    add("--ssl_key", metavar="FILE", type=Path, help="its key (PEM, unencrypted)")
