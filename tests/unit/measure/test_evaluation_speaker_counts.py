from measure.evaluation.speaker_counts import SpeakerCounts


def test_exact_and_within_one_are_counted():
    counts = SpeakerCounts.of([(2, 2), (2, 2), (3, 4), (4, 3), (5, 2)])

    assert (counts.n, counts.exact, counts.within_one) == (5, 2, 4)


def test_the_confusion_of_counts_is_by_true_then_by_found_number():
    counts = SpeakerCounts.of([(10, 9), (2, 3), (2, 2), (2, 3)])

    assert counts.confusion() == {2: {2: 1, 3: 2}, 10: {9: 1}}
    assert list(counts.confusion()) == [2, 10]


def test_no_recording_is_an_empty_table():
    counts = SpeakerCounts.of([])

    assert (counts.n, counts.exact, counts.within_one, counts.confusion()) == (0, 0, 0, {})
