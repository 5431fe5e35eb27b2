"""What is too much: refused before it is worked on, or as soon as it shows."""

from .config import LimitOptions
from .errors import InvalidAudioError, OverLimitError

DEFAULT_LIMITS = LimitOptions()
BYTES_PER_MB = 1e6
# Digital silence makes 340 samples of a byte of FLAC or Opus; a file that promises far more is made
# to keep the server busy.
MOST_SAMPLES_PER_BYTE = 2000


def require_size(tensor: str, n_bytes: int, limits: LimitOptions) -> None:
    """Raise OverLimitError if an input holds more bytes than one may upload."""
    most_bytes = round(limits.upload_mb * BYTES_PER_MB)
    if n_bytes > most_bytes:
        raise OverLimitError(f"{tensor}: got {n_bytes} bytes, expected at most {most_bytes}")


def require_length(
    tensor: str, n_samples: int, rate_hz: int, limits: LimitOptions, n_passes: int = 1
) -> None:
    """Raise OverLimitError if so many samples of one channel last longer than a recording may.

    Of channels that are listened to one by one, in `n_passes`, the lengths add up.
    """
    if n_samples * n_passes > limits.audio_s * rate_hz:
        channels = f"{n_passes} separate channels of " if n_passes > 1 else ""
        in_all = " in all" if n_passes > 1 else ""
        raise OverLimitError(
            f"{tensor}: got {channels}{n_samples / rate_hz:.1f} s of audio, "
            f"expected at most {limits.audio_s:g} s{in_all}"
        )


def require_plausible_length(
    n_samples: int, rate_hz: int, n_bytes: int, limits: LimitOptions, n_passes: int = 1
) -> None:
    """As `require_length`, for samples decoded of, or promised by, `n_bytes` of an encoded file.

    Raises
    ------
    InvalidAudioError
        If no honest encoder packs so many samples into the bytes.
    """
    require_length("AUDIO", n_samples, rate_hz, limits, n_passes)
    if n_samples > MOST_SAMPLES_PER_BYTE * n_bytes:
        raise InvalidAudioError(
            f"AUDIO: got {n_bytes} bytes that stand for {n_samples} samples, "
            f"expected at most {MOST_SAMPLES_PER_BYTE} samples per byte"
        )
