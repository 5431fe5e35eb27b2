"""Lengths of time for people."""


def hours(length_s: float) -> str:
    """Write hours, minutes and seconds, rounded down: 3723.9 becomes 1:02:03."""
    minutes, seconds = divmod(int(length_s), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
