"""A TCP relay between client and server that breaks connections on request, as a crash does."""

import contextlib
import socket
import struct
import threading

_RESET_AT_ONCE = struct.pack("ii", 1, 0)


class Relay:
    """Passes bytes between its own port and the server's, in both directions.

    `cut(n)` breaks all its connections and refuses the next n; later ones work again.
    """

    def __init__(self, server_url):
        host, _, port = server_url.rpartition(":")
        self._server = (host, int(port))
        self._lock = threading.Lock()
        self._open = set()
        self._n_to_refuse = 0
        self.n_refused = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._accepting = threading.Thread(target=self._accept)

    def __enter__(self):
        self._accepting.start()
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        self._break_all()

    def cut(self, n_to_refuse):
        with self._lock:
            self._n_to_refuse = n_to_refuse
        self._break_all()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed: the test is over
                return
            with self._lock:
                refused = self._n_to_refuse > 0
                self._n_to_refuse -= refused
                self.n_refused += refused
            if refused:
                _reset(connection)
            else:
                self._join(connection, socket.create_connection(self._server))

    def _join(self, *ends):
        with self._lock:
            self._open.update(ends)
        for source, target in (ends, reversed(ends)):
            threading.Thread(target=_pass_on, args=(source, target), daemon=True).start()

    def _break_all(self):
        with self._lock:
            broken, self._open = self._open, set()
        for end in broken:
            _reset(end)


def _pass_on(source, target):
    with contextlib.suppress(OSError):
        while some := source.recv(1 << 16):
            target.sendall(some)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _reset(end):
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_ONCE)
        end.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads from it
    end.close()
