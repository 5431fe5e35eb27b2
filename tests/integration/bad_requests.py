"""Requests to `run` that are refused, each with one thing wrong; made for a `RunModel`."""

import numpy as np

from integration.fake_pb_utils import Request
from integration.planted_models import audio_input, encoded, silence


def garbage(run):
    return run.request(b"this is no audio file")


def no_bytes(run):
    return run.request(b"")


def both_inputs(run):
    return Request(run.config, {**audio_input(b"RIFF"), **audio_input(silence(1))})


def neither_input(run):
    return Request(run.config, {})


def unknown_parameter(run):
    return run.request(silence(1), {"speakers": 2})


def impossible_parameter(run):
    return run.request(silence(1), {"num_speakers": 0})


def unknown_mode(run):
    return run.request(silence(1), {"mode": "fast"})


def mode_that_is_a_number(run):
    return run.request(silence(1), {"mode": 1})


def exclusive_that_is_text(run):
    return run.request(silence(1), {"exclusive": "yes"})


def unknown_channels(run):
    return run.request(silence(1), {"channels": "left"})


def too_many_separate_channels(run):
    return run.request(np.zeros((65, 160), np.float32), {"channels": "separate"})


def two_files(run):
    files = np.array([encoded(silence(1))] * 2, np.object_)
    return Request(run.config, {"AUDIO": files}, dims_checked=False)


def no_file(run):
    return Request(run.config, {"AUDIO": np.empty(0, np.object_)}, dims_checked=False)


def one_dimension(run):
    return Request(run.config, {"input": silence(1)}, dims_checked=False)


def longer_than_allowed(run):
    limit_s = run.model.options.limits.audio_s
    return run.request(silence(limit_s + 1))


def larger_than_allowed(run):
    limit_mb = run.model.options.limits.upload_mb
    return run.request(bytes(round(limit_mb * 1e6) + 1))


def not_a_number(run):
    return run.request(np.full(16_000, np.nan, np.float32))
