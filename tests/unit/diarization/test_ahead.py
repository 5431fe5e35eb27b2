"""One item is made ahead of its use, in another thread; nothing is lost, errors included."""

import contextlib
import gc
import threading
import weakref

import pytest

from diarization.sad import one_ahead


def test_the_items_come_in_order():
    assert list(one_ahead(range(5))) == [0, 1, 2, 3, 4]
    assert list(one_ahead([])) == []
    assert list(one_ahead([None, None])) == [None, None]


def test_the_next_item_is_made_while_one_is_in_use_and_not_the_one_after():
    made = [threading.Event() for _ in range(4)]

    def items():
        for number, event in enumerate(made):
            event.set()
            yield number

    for number in one_ahead(items()):
        if number < 3:
            assert made[number + 1].wait(10)
        assert not any(event.is_set() for event in made[number + 2 :])


def test_items_are_made_in_another_thread():
    def threads():
        yield threading.get_ident()
        yield threading.get_ident()

    (maker,) = set(one_ahead(threads()))
    assert maker != threading.get_ident()


def test_an_error_comes_in_the_place_of_its_item():
    def failing():
        yield 1
        raise ValueError("no more")

    items = one_ahead(failing())
    assert next(items) == 1
    with pytest.raises(ValueError, match="no more"):
        next(items)


def test_an_error_keeps_nothing_alive():
    class Upload:
        pass

    def failing(upload):
        yield 1
        raise ValueError(repr(upload)[:1])

    def failed():
        upload = Upload()
        with contextlib.suppress(ValueError):
            list(one_ahead(failing(upload)))
        return weakref.ref(upload)

    gc.disable()
    try:
        assert failed()() is None
    finally:
        gc.enable()


def test_who_stops_early_leaves_no_thread_behind():
    before = threading.active_count()
    items = one_ahead(range(100))
    assert next(items) == 0
    items.close()
    assert threading.active_count() == before
