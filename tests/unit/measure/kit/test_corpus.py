"""Sets of recordings and their references."""

import pytest

from inputs.recordings import ListError
from measure.kit.corpus import folder_sets, folders_below, list_set
from scoring.scores import ScoringError
from unit.evaluation_cases import rttm


@pytest.fixture
def folder(tmp_path):
    """A function that makes a folder of empty files, some of them with text."""

    def make(name, *files, **texts):
        path = tmp_path / name
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
    place = folder("calls", "talk.flac", "Chat.WAV", "notes.txt", talk=TALK)
    (place / "Chat.rttm").write_text(rttm("Chat", (0, 1, "x")))

    (found,) = folder_sets([place], None)

    assert found.name == "calls"
    assert ids(found) == ["Chat", "talk"]
    assert found.reference["talk"] == TALK.splitlines()
    assert found.left_out == ()


def test_a_folder_in_which_nothing_has_rttm_holds_no_speech(folder):
    (found,) = folder_sets([folder("noise", "hum.wav", "dog.wav")], None)

    assert found.reference == {"dog": [], "hum": []}
    assert ids(found) == ["dog", "hum"]


def test_an_rttm_without_turns_means_no_speech(folder):
    (found,) = folder_sets([folder("s", "talk.wav", "hush.wav", talk=TALK, hush="")], None)

    assert found.reference["hush"] == []


def test_a_recording_without_rttm_among_others_is_left_out(folder):
    (found,) = folder_sets([folder("s", "talk.wav", "lost.wav", talk=TALK)], None)

    assert ids(found) == ["talk"]
    assert found.left_out == ("lost",)


def test_a_reference_elsewhere_is_for_all_folders(folder):
    reference = folder("ref", talk=TALK, chat=rttm("chat", (0, 1, "x")))
    places = [folder("one", "talk.wav", "lost.wav"), folder("two", "chat.wav")]

    one, two = folder_sets(places, reference)

    assert (ids(one), one.left_out) == (["talk"], ("lost",))
    assert ids(two) == ["chat"]


def test_a_reference_of_other_recordings_is_refused(folder):
    with pytest.raises(ListError, match="no recording of set 'noise' has speech in the reference"):
        folder_sets([folder("noise", "hum.wav")], folder("ref", talk=TALK))


def test_rttm_of_another_recording_is_refused(folder):
    with pytest.raises(ListError, match=r"chat\.rttm describes 'talk', expected only 'chat'"):
        folder_sets([folder("s", "chat.wav", chat=TALK)], None)


def test_a_file_that_is_not_rttm_is_named(folder):
    with pytest.raises(ScoringError, match=r"talk\.rttm line 1: expected RTTM"):
        folder_sets([folder("s", "talk.wav", talk="hello")], None)


def test_two_files_of_one_stem_are_refused(folder):
    with pytest.raises(ListError, match=r"talk\.flac and talk\.wav in .* both get .* 'talk'"):
        folder_sets([folder("s", "talk.wav", "talk.flac", talk=TALK)], None)


def test_two_folders_of_one_name_are_refused(folder):
    places = [folder(name, "talk.wav", talk=TALK) for name in ("a/dev", "b/dev")]

    with pytest.raises(ListError, match="two folders are named 'dev'"):
        folder_sets(places, None)


def test_a_missing_or_empty_folder_is_one_sentence(folder, tmp_path):
    with pytest.raises(ListError, match="there is no folder"):
        folder_sets([tmp_path / "absent"], None)
    with pytest.raises(ListError, match="holds no audio file"):
        folder_sets([folder("empty", "notes.txt")], None)


def test_every_sub_folder_with_audio_is_a_set(folder, tmp_path):
    places = [folder(f"root/{name}", "talk.wav") for name in ("b", "a")]
    folder("root/scripts", "simulate.py")
    (tmp_path / "root" / "stray.wav").touch()

    assert folders_below(tmp_path / "root") == sorted(places)


def test_a_root_without_sets_is_one_sentence(folder, tmp_path):
    with pytest.raises(ListError, match=r"no sub-folder of .* holds audio files"):
        folders_below(folder("root", "talk.wav"))
    with pytest.raises(ListError, match="there is no folder"):
        folders_below(tmp_path / "absent")


def test_a_list_is_a_set_of_its_name(folder, tmp_path):
    (tmp_path / "dev.scp").write_text("talk talk.wav\nlost lost.wav\n")

    found = list_set(tmp_path / "dev.scp", folder("ref", talk=TALK), str(tmp_path))

    assert (found.name, ids(found), found.left_out) == ("dev", ["talk"], ("lost",))
    assert found.recordings[0].path == tmp_path / "talk.wav"


def test_a_list_without_references_is_refused(folder, tmp_path):
    (tmp_path / "dev.scp").write_text("lost lost.wav\n")

    with pytest.raises(ListError, match="no recording of set 'dev'"):
        list_set(tmp_path / "dev.scp", folder("ref", talk=TALK), None)
