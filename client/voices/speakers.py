"""The speakers of one answer: their names in RTTM, and the centroids of their voices."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from formats.result import FormatError
from sending.outcome import SPEAKER_COLUMN, Answer
from voices.voice import Centroids, VoicesError, embedding_kind, unit_rows

NEEDED_OUTPUTS = ("LABELS", "EMBEDDINGS")


@dataclass(frozen=True)
class Speakers:
    """Who talks in one recording.

    Parameters
    ----------
    names
        As in RTTM, by first appearance.
    centroids
        shape=(len(names), dim).
    network
        The speaker network that made them.
    """

    names: list[str]
    centroids: Centroids
    network: str

    @property
    def kind(self) -> str:
        """Network and dimension, as messages name them."""
        return embedding_kind(self.network, self.centroids.shape[1])


def read_speakers(answer: Answer) -> Speakers:
    """Read the speakers of an answer, whose RTTM and LABELS have the same turns in the same order.

    Raises
    ------
    VoicesError
        If the service does not report its speaker network.
    FormatError
        If the answer contradicts itself.
    """
    network = known_network(answer.info.get("speaker_network"))
    rows = _rows_by_name(answer)
    embeddings = answer.embeddings
    if embeddings is None or embeddings.ndim != 2:  # noqa: PLR2004
        raise FormatError("the answer holds no EMBEDDINGS, expected a row for each speaker")
    if not rows:
        return Speakers([], np.empty((0, 0), np.float32), network)
    if max(rows.values()) >= len(embeddings):
        raise FormatError(
            f"the answer's EMBEDDINGS has {len(embeddings)} rows, expected {max(rows.values()) + 1}"
        )
    try:
        centroids = unit_rows(embeddings[list(rows.values())])
    except ValueError as error:
        raise FormatError(f"the answer's EMBEDDINGS: {error}") from error
    return Speakers(list(rows), centroids, network)


def known_network(reported: object) -> str:
    """Check what the service reports as its speaker network; VoicesError if it is no name."""
    if isinstance(reported, str):
        return reported
    raise VoicesError(
        f"the service's answer has speaker_network {reported!r}, expected the name of its speaker "
        "network: voices of unknown networks cannot be compared"
    )


def rename_speakers(answer: Answer, names: Mapping[str, str]) -> Answer:
    """Give speakers other names; those without one in `names` keep theirs."""
    new = {own.encode(): name.encode() for own, name in names.items()}
    lines = [line.split() for line in answer.rttm.splitlines()]
    for fields in lines:
        fields[SPEAKER_COLUMN] = new.get(fields[SPEAKER_COLUMN], fields[SPEAKER_COLUMN])
    return replace(answer, rttm=b"".join(b" ".join(fields) + b"\n" for fields in lines))


def _rows_by_name(answer: Answer) -> dict[str, int]:
    """Row in EMBEDDINGS of every speaker, by first appearance."""
    lines = [line.decode(errors="replace").split() for line in answer.rttm.splitlines()]
    if short := [fields for fields in lines if len(fields) <= SPEAKER_COLUMN]:
        raise FormatError(f"the answer's RTTM holds {' '.join(short[0])!r}, expected a turn")
    names = [fields[SPEAKER_COLUMN] for fields in lines]
    labels = answer.labels
    if labels is None or len(labels) != len(names):
        got = "none" if labels is None else str(len(labels))
        raise FormatError(f"the answer's LABELS has {got} rows, expected {len(names)}, one a turn")
    rows = dict(zip(names, labels, strict=True))
    if len(set(zip(names, labels, strict=True))) != len(rows) or len(set(labels)) != len(rows):
        raise FormatError("the answer's LABELS and RTTM name its speakers differently")
    return dict(
        zip(dict.fromkeys(names), (rows[name] for name in dict.fromkeys(names)), strict=True)
    )
