"""Hooks for schemathesis, which loads this file: what a schema cannot express.

Files are real audio: a short one, and one that becomes a job. The numbers of speakers have an
order, and the length of an id is counted in bytes.
"""

import io

import schemathesis
import soundfile
from hypothesis import strategies

from inputs.recordings import id_problem
from media_files import noise

COUNTS = ("min_speakers", "num_speakers", "max_speakers")


def wav(n_samples):
    """Return the bytes of a file."""
    file = io.BytesIO()
    soundfile.write(file, noise(n_samples), 16_000, format="WAV")
    return file.getvalue()


schemathesis.openapi.format("binary", strategies.sampled_from([wav(160), wav(1600)]))


@schemathesis.hook
def filter_case(context, case):
    """Drop forms that should be valid but break a rule that is not in the schema."""
    if not isinstance(case.body, dict) or case.meta.generation.mode.is_negative:
        return True
    given = [case.body[name] for name in COUNTS if name in case.body]
    recording_id = case.body.get("recording_id")
    return given == sorted(given) and not (recording_id and id_problem(recording_id))
