"""Sets of recordings and their references."""

import pytest

from inputs.recordings import ListError
from measure.kit.corpus import folders_below, sets_below
from scoring.scores import ScoringError
from unit.evaluation_cases import rttm


@pytest.fixture
def folder(tmp_path):
    """A function that makes a folder of empty files, some of them with text."""

    def make(name, *files, **texts):
        path = tmp_path / "root" / name
        path.mkdir(parents=True)
        for file in files:
            (path / file).touch()
        for stem, text in texts.items():
            (path / f"{stem}.rttm").write_text(text)
        return path

    return make


def ids(evaluation_set):
    return [each.recording_id for each in evaluation_set.recordings]


TALK = rttm("talk", (0, 1, "anna"), (1, 2, "ben"))


def test_a_folder_is_a_set_of_its_audio_files_with_the_rttm_beside_each(folder):
    chat = rttm("Chat", (0, 1, "x"))
    place = folder("calls", "talk.flac", "Chat.WAV", "notes.txt", talk=TALK, Chat=chat)

    (found,) = sets_below(place.parent)

    assert found.name == "calls"
    assert ids(found) == ["Chat", "talk"]
    assert found.reference["talk"] == TALK.splitlines()
    assert found.left_out == ()


def test_a_folder_in_which_nothing_has_rttm_holds_no_speech(folder):
    (found,) = sets_below(folder("noise", "hum.wav", "dog.wav").parent)

    assert found.reference == {"dog": [], "hum": []}
    assert ids(found) == ["dog", "hum"]


def test_an_rttm_without_turns_means_no_speech(folder):
    (found,) = sets_below(folder("s", "talk.wav", "hush.wav", talk=TALK, hush="").parent)

    assert found.reference["hush"] == []


def test_a_recording_without_rttm_among_others_is_left_out(folder):
    (found,) = sets_below(folder("s", "talk.wav", "lost.wav", talk=TALK).parent)

    assert ids(found) == ["talk"]
    assert found.left_out == ("lost",)


def test_rttm_of_another_recording_is_refused(folder):
    with pytest.raises(ListError, match=r"chat\.rttm describes 'talk', expected only 'chat'"):
        sets_below(folder("s", "chat.wav", chat=TALK).parent)


def test_a_file_that_is_not_rttm_is_named(folder):
    with pytest.raises(ScoringError, match=r"talk\.rttm line 1: expected RTTM"):
        sets_below(folder("s", "talk.wav", talk="hello").parent)


def test_two_files_of_one_stem_are_refused(folder):
    with pytest.raises(ListError, match=r"talk\.flac and talk\.wav in .* both get .* 'talk'"):
        sets_below(folder("s", "talk.wav", "talk.flac", talk=TALK).parent)


def test_every_sub_folder_with_audio_is_a_set(folder, tmp_path):
    places = [folder(name, "talk.wav") for name in ("b", "a")]
    folder("scripts", "simulate.py")
    (tmp_path / "root" / "stray.wav").touch()

    assert folders_below(tmp_path / "root") == sorted(places)


def test_a_root_without_sets_is_reported_in_one_sentence(folder, tmp_path):
    with pytest.raises(ListError, match=r"no sub-folder of .* holds audio files"):
        folders_below(folder("calls", "talk.wav"))
    with pytest.raises(ListError, match="there is no folder"):
        folders_below(tmp_path / "absent")
