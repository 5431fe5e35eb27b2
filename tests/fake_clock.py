"""A clock that tests set."""


class FakeClock:
    """Returns `now_s`, in place of `time.monotonic`."""

    now_s = 1000.0

    def __call__(self):
        return self.now_s
