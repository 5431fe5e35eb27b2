"""Decoding by the real PyAV: what only it can read, and what nobody may make it read."""

import io

import numpy as np
import pytest
import soundfile

import audio_files
from audio_files import AudioError, encoded_bytes
from made_media import KINDS, noise, write_media


@pytest.mark.parametrize("kind", KINDS)
def test_what_libsndfile_cannot_read_is_decoded(kind, tmp_path):
    path = write_media(tmp_path / f"call.{kind}", noise(32_000))

    sent = soundfile.info(io.BytesIO(encoded_bytes(path)))

    assert (sent.format, sent.samplerate, sent.channels) == ("FLAC", 16_000, 1)
    assert sent.duration == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_all_channels_are_sent_on_request_each_with_its_own_sound(kind, tmp_path):
    left_only = np.stack([noise(32_000), np.zeros(32_000, np.int16)], axis=1)
    path = write_media(tmp_path / f"call.{kind}", left_only)

    sent, rate_hz = soundfile.read(io.BytesIO(encoded_bytes(path, keep_channels=True)))

    assert (rate_hz, sent.shape[1]) == (16_000, 2)
    assert len(sent) == pytest.approx(32_000, abs=1600)
    left, right = np.abs(sent).mean(axis=0)
    assert left > 0.01
    assert right < left / 100


def test_more_channels_than_flac_holds_are_one_sentence(tmp_path, monkeypatch):
    path = write_media(tmp_path / "call.m4a", np.zeros((32_000, 2), np.int16))
    monkeypatch.setattr(audio_files, "_FLAC_MAX_CHANNELS", 1)

    with pytest.raises(AudioError, match="it has 2 channels, expected at most 1"):
        encoded_bytes(path, keep_channels=True)


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
