"""The step between an answer and its files: speakers get the names of voices."""

from collections.abc import Iterable, Mapping

from console.run_report import log
from inputs.recordings import Recording
from sending.outcome import Answer
from voices.known import KnownVoices
from voices.link_memory import LinkMemory, same_turns
from voices.linking import linked_names
from voices.speakers import NEEDED_OUTPUTS, Speakers, renamed, speakers_of
from voices.voice import VoicesError


class Naming:
    """Names the speakers of a run's answers; without voices and memory it changes nothing.

    Parameters
    ----------
    known : KnownVoices | None
        Who is enrolled.
    memory : LinkMemory | None
        Where answers are kept until they are linked; None if they are not to be.
    threshold : float
        Least mean cosine at which the speakers of several recordings are one.
    """

    def __init__(
        self, known: KnownVoices | None, memory: LinkMemory | None, threshold: float
    ) -> None:
        self._known = known
        self._memory = memory
        self._threshold = threshold
        self._kind: str | None = None  # of this run's embeddings

    @property
    def outputs(self) -> tuple[str, ...]:
        """What is needed of the service, beside RTTM and INFO."""
        return NEEDED_OUTPUTS if self._known or self._memory else ()

    def finished(
        self, recordings: Iterable[Recording], rttms: Mapping[str, bytes]
    ) -> dict[str, bytes]:
        """Which of an earlier run's answers need not be asked for again, by recording id.

        All of them, unless they are to be linked: then those whose voices are remembered, if what
        is remembered is of the file that is there.
        """
        if self._memory is None:
            return dict(rttms)
        found = {}
        for answer in self._memory.answers(recordings):
            name = answer.recording.recording_id
            if name in rttms and same_turns(rttms[name], answer.rttm):
                self._check_kind(speakers_of(answer))
                found[name] = rttms[name]
        return found

    def named(self, answer: Answer) -> Answer:
        """Give the speakers who are enrolled their names, and remember the answer for linking.

        Raises
        ------
        VoicesError
            If the voices do not fit the service's, or nothing more can be remembered.
        FormatError
            If the answer contradicts itself.
        """
        if not self.outputs:
            return answer
        speakers = speakers_of(answer)
        self._check_kind(speakers)
        found = self._known.matches(speakers) if self._known else {}
        for own, match in found.items():
            log.debug("%s: %s is %s, cosine %.2f", answer.recording.recording_id, own, *match)
        if self._memory:
            self._memory.keep(answer)
        return renamed(answer, {own: match.name for own, match in found.items()})

    def drop(self, recording_id: str) -> None:
        """Forget a recording that failed."""
        if self._memory:
            self._memory.drop(recording_id)

    def linked(self, recordings: Iterable[Recording]) -> list[Answer]:
        """Give every voice one name in all remembered answers, in the order of the recordings."""
        if self._memory is None:
            return []
        answers = list(self._memory.answers(recordings))
        spoken = [speakers_of(answer) for answer in answers]
        for each in spoken:
            self._check_kind(each)
        found = [self._known.matches(each) if self._known else {} for each in spoken]
        known = [{own: match.name for own, match in each.items()} for each in found]
        renamings = linked_names(spoken, known, self._threshold)
        voices = {name for each in renamings for name in each.values()}
        log.info(
            "linked: the speakers of %d recording(s) are %d voice(s)", len(answers), len(voices)
        )
        return [renamed(*pair) for pair in zip(answers, renamings, strict=True)]

    def _check_kind(self, speakers: Speakers) -> None:
        """Refuse embeddings that cannot be compared with those before."""
        if not speakers.names:
            return
        if self._kind not in (None, speakers.kind):
            raise VoicesError(
                f"got embeddings of the speaker network {speakers.kind}, expected {self._kind}, as "
                "of the recordings before: those of different networks cannot be compared"
            )
        self._kind = speakers.kind
