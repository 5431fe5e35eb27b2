"""A terminal for programs under test."""

import os
import pty
import termios


class Terminal:
    """A pseudo-terminal that a process has as standard error; what it shows is collected."""

    def __init__(self):
        self._leader, self.end = pty.openpty()
        termios.tcsetwinsize(self.end, (40, 120))
        self._shown = b""

    @property
    def shown(self):
        return self._shown.decode(errors="replace")

    def show(self, text=None):
        """Read until this text is shown, or until the other end is closed."""
        while text is None or text not in self.shown:
            try:
                block = os.read(self._leader, 65_536)
            except OSError:  # the other end is closed
                block = b""
            if not block:
                break
            self._shown += block
        return self.shown

    def close_end(self):
        """Close our copy after the process has started, so that `show` ends with the process."""
        os.close(self.end)

    def close(self):
        os.close(self._leader)
