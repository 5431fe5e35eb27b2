"""Which models hang, by a clock set by the test."""

import math

import numpy as np
import pytest

from server.proxy_health import ANSWERED_WITHIN_S, EVERY_S, INPUTS, RUN, Progress, probe
from unit.server.test_proxy_rules import Clock

LONG_S = ANSWERED_WITHIN_S + 1


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def progress(clock):
    return Progress(clock)


def test_a_model_that_does_not_answer_its_probe_hangs(progress, clock):
    progress.sent("sad")
    progress.sent(RUN)
    clock.now += ANSWERED_WITHIN_S
    assert progress.hanging() == []
    progress.answered(RUN)
    clock.now += 1
    assert progress.hanging() == ["sad"]
    progress.answered("sad")
    assert progress.hanging() == []


def test_a_model_that_is_busy_with_others_does_not_hang(progress, clock):
    progress.sent("sad")
    for count in range(5):
        clock.now += LONG_S
        progress.finished({"sad": count, "segmentation": 7})
        assert progress.hanging() == []
    clock.now += LONG_S
    progress.finished({"sad": 4, "segmentation": 8})
    assert progress.hanging() == ["sad"]


def test_only_a_quiet_model_is_probed_and_by_one_probe(progress, clock):
    assert progress.is_quiet("sad")
    progress.sent("sad")
    assert not progress.is_quiet("sad")
    progress.answered("sad")
    progress.finished({"sad": 1})
    assert not progress.is_quiet("sad")
    assert progress.is_quiet("segmentation")
    clock.now += EVERY_S
    progress.finished({"sad": 1})
    assert progress.is_quiet("sad")


@pytest.mark.parametrize("model", INPUTS)
def test_a_probe_is_as_many_samples_as_it_says(model):
    request = probe(model)
    (tensor,), (samples,) = request.inputs, request.raw_input_contents
    assert request.model_name == model
    sample = {"FP32": np.float32, "INT16": np.int16}[tensor.datatype]
    assert np.frombuffer(samples, sample).size == math.prod(tensor.shape)


def test_a_probe_of_run_is_one_parameter():
    request = probe(RUN)
    assert (request.model_name, [*request.parameters], len(request.inputs)) == ("run", ["ping"], 0)
