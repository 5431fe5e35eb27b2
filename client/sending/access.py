"""Access to a protected server: headers with keys, and certificates of an encrypted connection.

Values of headers are secrets: they never appear in messages, logs or `repr`.
"""

import argparse
import re
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Header = tuple[str, str]

_NAME = re.compile(r"[a-z0-9_.-]+")  # gRPC's rule; names are lower case there
_VALUE = re.compile(r"[\x20-\x7e]+")
_FROM_FILE = "@"


class AccessError(ValueError):
    """Headers or certificates that cannot be used; the message is one sentence without secrets."""


@dataclass(frozen=True)
class Tls:
    """Files (PEM) of an encrypted connection.

    Parameters
    ----------
    ca
        Authorities that may have signed the server's certificate; by default gRPC's public ones.
    cert, key
        The client's own certificate and its key, both or neither.
    """

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None


@dataclass(frozen=True)
class Access:
    """Headers of every call, and the encryption of the connection (None: not encrypted)."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls: Tls | None = None


OPEN = Access()  # of a server without protection


def access(options: argparse.Namespace) -> Access:
    """Collect the access options of a command line.

    Raises
    ------
    AccessError
        If a header is given twice, or a certificate cannot be used.
    """
    return Access(_joined(options.header), _tls(options))


def parse_headers(text: str) -> list[Header]:
    """Parse the value of one --header: `name: value`, or `@FILE` with one of these per line.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is malformed, or the file cannot be read.
    """
    try:
        if text.startswith(_FROM_FILE):
            return _headers_in(Path(text.removeprefix(_FROM_FILE)))
        return [_header(text)]
    except AccessError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _headers_in(file: Path) -> list[Header]:
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except OSError as error:
        raise AccessError(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        # Not chained: its text holds bytes of the file.
        raise AccessError(f"{file}: byte {error.start + 1} is not ASCII") from None
    found = []
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.startswith("#"):
            try:
                found.append(_header(line))
            except AccessError as error:
                raise AccessError(f"{file} line {number}: {error}") from error
    if not found:
        raise AccessError(f"{file} holds no header, expected lines of 'name: value'")
    return found


def _header(text: str) -> Header:
    name, colon, value = text.partition(":")
    name, value = name.strip().lower(), value.strip()
    if not colon or not _NAME.fullmatch(name):
        raise AccessError("expected 'name: value' with letters, digits, '-', '_' and '.' as name")
    if name.startswith("grpc-") or name.endswith("-bin"):
        raise AccessError(f"header {name!r}: names grpc-... and ...-bin are gRPC's own")
    if not _VALUE.fullmatch(value):
        raise AccessError(f"header {name!r}: expected a value of printable ASCII characters")
    return name, value


def _joined(given: Iterable[Iterable[Header]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in (header for several in given for header in several):
        if name in joined:
            raise AccessError(f"header {name!r} is given twice")
        joined[name] = value
    return joined


def _tls(options: argparse.Namespace) -> Tls | None:
    tls = Tls(options.ssl_ca, options.ssl_cert, options.ssl_key)
    if (tls.cert is None) != (tls.key is None):
        given = "--ssl_cert" if tls.key is None else "--ssl_key"
        raise AccessError(f"expected both --ssl_cert and --ssl_key or neither, got {given} alone")
    _refuse_unusable(tls)
    return tls if options.ssl or tls != Tls() else None


def _refuse_unusable(tls: Tls) -> None:
    """Check the files before gRPC does, whose only message is that there is no connection."""
    for path in filter(None, (tls.ca, tls.cert, tls.key)):
        _refuse_unreadable(path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if tls.ca:
            context.load_verify_locations(tls.ca)
    except ssl.SSLError as error:
        raise AccessError(f"{tls.ca} holds no certificate, expected PEM") from error
    try:
        if tls.cert:
            context.load_cert_chain(tls.cert, tls.key, password="")
    except (ssl.SSLError, ValueError) as error:
        raise AccessError(
            f"expected a certificate in {tls.cert} and its unencrypted key in {tls.key}, both PEM"
        ) from error


def _refuse_unreadable(path: Path) -> None:
    try:
        path.read_bytes()
    except OSError as error:
        raise AccessError(f"cannot read {path}: {error.strerror}") from error
