"""Who is who across recordings."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Person:
    """A speaker of a reference.

    Parameters
    ----------
    name : str
        As in the reference.
    place : str
        The recording, where names mean nothing beyond it; else empty.
    set_name : str
        The set, where names mean nothing beyond a recording; else empty.
    """

    name: str
    place: str = ""
    set_name: str = ""

    def known_apart(self, other: "Person") -> bool:
        """Whether two people are certainly two.

        Those of two recordings of one set whose names are local may be one.
        """
        if self == other:
            return False
        return not self.place or self.set_name != other.set_name or self.place == other.place


def person(name: str, recording_id: str, set_name: str, is_local: bool) -> Person:
    """Name a speaker of a reference so that equal ones are one person."""
    return Person(name, recording_id, set_name) if is_local else Person(name)
