"""The enrolled voices of a run, and those of them that can be compared with the service's."""

from collections.abc import Sequence

from console.run_report import log
from voices.matching import Match, matches
from voices.speakers import Speakers
from voices.store import names_in
from voices.voice import Voice, VoicesError


class KnownVoices:
    """Who is enrolled.

    Parameters
    ----------
    voices : Sequence[Voice]
        Of any networks.
    threshold : float
        Least cosine at which a speaker is an enrolled person.
    """

    def __init__(self, voices: Sequence[Voice], threshold: float) -> None:
        self._voices = voices
        self._threshold = threshold
        self._fitting: dict[str, list[Voice]] = {}

    def matches(self, speakers: Speakers) -> dict[str, Match]:
        """Find who is who, by the speakers' names in RTTM; strangers are not in it.

        Raises
        ------
        VoicesError
            If no voice is of the network that made the speakers' centroids.
        """
        if not self._voices or not speakers.names:
            return {}
        if speakers.kind not in self._fitting:
            self._fitting[speakers.kind] = self._that_fit(speakers.kind)
        found = matches(speakers.centroids, self._fitting[speakers.kind], self._threshold)
        return {speakers.names[row]: match for row, match in found.items()}

    def _that_fit(self, kind: str) -> list[Voice]:
        fitting = [voice for voice in self._voices if voice.kind == kind]
        if not fitting:
            got = ", ".join(dict.fromkeys(voice.kind for voice in self._voices))
            raise VoicesError(
                f"the enrolled voices are of the speaker network {got}, expected {kind}, the "
                "service's: embeddings of different networks cannot be compared; enrol again with "
                "this service"
            )
        others = [name for name in names_in(self._voices) if name not in names_in(fitting)]
        if others:
            log.warning(
                "never found, since enrolled with another speaker network than the service's, %s: "
                "%s",
                kind,
                ", ".join(others),
            )
        return fitting
