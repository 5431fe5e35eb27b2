import pytest

from diarization.arrays import SAMPLE_RATE_HZ, samples_of


@pytest.mark.parametrize(
    ("seconds", "n_samples"),
    [
        (0, 0),
        (1, 16_000),
        (1.5, 24_000),
        (0.025, 400),
        (0.032, 512),
        (0.1, 1600),
        (3600, 57_600_000),
    ],
)
def test_durations_are_whole_samples(seconds, n_samples):
    assert samples_of(seconds) == n_samples
    assert isinstance(samples_of(seconds), int)


def test_the_nearest_sample_is_taken():
    assert samples_of(10.4 / SAMPLE_RATE_HZ) == 10
    assert samples_of(10.6 / SAMPLE_RATE_HZ) == 11
