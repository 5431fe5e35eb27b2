"""The model `stream` as configured, among fake networks."""

import json
import tempfile

import numpy as np
import pytest

from integration.fake_pb_utils import Request, TritonError
from integration.model_contract import REPOSITORY, read_config
from integration.model_loading import execute, initialize_args, loaded
from integration.planted_models import SAMPLE_RATE_HZ, server_of_planted_models

N_TRIES = 5


class StreamModel:
    """The model `stream`, ready for requests."""

    def __init__(self, server, config, model):
        self.server, self.config, self.model = server, config, model

    def request(self, session, audio=None, **parameters):
        """A request with at most one piece of audio, shape=(n,)."""
        inputs = {}
        if audio is not None:
            inputs["pcm" if audio.dtype == np.int16 else "samples"] = audio[None]
        return self.raw(inputs, session=session, **parameters)

    def raw(self, inputs, **parameters):
        """A request with these tensors."""
        return Request(self.config, inputs, parameters, dims_checked=False)

    def execute(self, *requests):
        """What EVENTS holds, or the error, for every request of one call."""
        outcomes = execute(self.model, list(requests))
        return [
            outcome if isinstance(outcome, TritonError) else json.loads(outcome["EVENTS"].item())
            for outcome in outcomes
        ]

    def answer(self, session, audio=None, **parameters):
        """The answer to a request that must be answered."""
        (outcome,) = self.execute(self.request(session, audio, **parameters))
        if isinstance(outcome, TritonError):
            raise AssertionError(f"{outcome.message()} {self.server.logger.errors}")
        return outcome

    def error(self, session, audio=None, **parameters):
        """Code and text of the error of a request that must be refused."""
        (outcome,) = self.execute(self.request(session, audio, **parameters))
        return outcome.code(), outcome.message()

    def events(self, session, audio, piece_s=0.5, rate_hz=SAMPLE_RATE_HZ, **parameters):
        """All events of a session; what the server could not answer is sent again."""
        size = round(piece_s * rate_hz)
        found, position, n_errors = [], 0, 0
        start = {"start": True, "rate_hz": rate_hz, **parameters}
        while not (found and found[-1]["type"] == "result"):
            piece = audio[position : position + size]
            end = position + len(piece) == len(audio)
            sent = self.request(
                session, piece, position=position, seen=len(found), end=end, **start
            )
            (outcome,) = self.execute(sent)
            if isinstance(outcome, TritonError):
                n_errors += 1
                assert (outcome.code(), n_errors <= N_TRIES) == (TritonError.UNAVAILABLE, True)
                continue
            n_errors, start = 0, {}
            found += outcome["events"]
            position = outcome["received"]
        return found


@pytest.fixture
def server():
    return server_of_planted_models()


@pytest.fixture
def stream(server, tmp_path, monkeypatch):
    """`stream` as configured, with its files in a temporary folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = REPOSITORY / "stream"
    config = read_config(folder / "config.pbtxt")
    with loaded(folder / "1" / "model.py", server) as module:
        model = module.TritonPythonModel()
        model.initialize(initialize_args(config, folder))
        yield StreamModel(server, config, model)
        model.finalize()
        for name in list(model.sessions._sessions):
            model.sessions.remove(name)
