"""Property tests that draw the same examples in every run, and few enough to stay quick."""

from hypothesis import settings


def seeded(max_examples=50):
    """Settings of a property test."""
    return settings(
        derandomize=True, database=None, deadline=None, max_examples=max_examples, print_blob=False
    )
