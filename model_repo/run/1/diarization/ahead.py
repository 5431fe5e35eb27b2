"""Work ahead: the next item is made while the caller is busy with the one before."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def one_ahead(items: Iterable[T]) -> Iterator[T]:
    """The same items in order, each made in another thread while the one before is in use.

    What making an item raises is raised where the item would have come.
    """
    end: Any = object()
    iterator = iter(items)
    with ThreadPoolExecutor(1) as thread:
        coming = [thread.submit(next, iterator, end)]  # emptied first, so an error holds no future
        while (item := coming.pop().result()) is not end:
            coming.append(thread.submit(next, iterator, end))
            yield item
