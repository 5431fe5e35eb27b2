"""Decoding by the real PyAV: what only it can read, and what nobody may make it read."""

import io

import pytest
import soundfile

from audio_files import AudioError, encoded_bytes
from made_media import KINDS, noise, write_media


@pytest.mark.parametrize("kind", KINDS)
def test_what_libsndfile_cannot_read_is_decoded(kind, tmp_path):
    path = write_media(tmp_path / f"call.{kind}", noise(32_000))

    sent = soundfile.info(io.BytesIO(encoded_bytes(path)))

    assert (sent.format, sent.samplerate, sent.channels) == ("FLAC", 16_000, 1)
    assert sent.duration == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize(
    "playlist",
    [
        "ffconcat version 1.0\nfile other.m4a\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nother.m4a\n#EXT-X-ENDLIST\n",
    ],
)
def test_a_list_that_names_another_file_does_not_get_it(playlist, tmp_path):
    write_media(tmp_path / "other.m4a", noise(32_000))
    (tmp_path / "upload").write_text(playlist)

    with pytest.raises(AudioError, match="neither libsndfile nor PyAV can read"):
        encoded_bytes(tmp_path / "upload")
