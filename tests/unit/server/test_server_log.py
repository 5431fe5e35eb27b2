"""Sentences that say why a server did not start, from lines of Triton's log."""

import pytest

from server.server_log import explanation, failure, start_failure

LOADED = (
    "E1125 18:10:15.289143 10032 model_lifecycle.cc:642] \"failed to load '{model}' version 1: "
)
WHERE = '\\n\\nAt:\\n  /srv/model_repo/sad/1/model.py(27): initialize\\n"'


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            LOADED.format(model="sad")
            + "Internal: TritonModelException: model 'sad': silero_vad.jit is missing; run a"
            + WHERE,
            "model 'sad' does not load: silero_vad.jit is missing; run a",
        ),
        (
            LOADED.format(model="run") + "Internal: ConfigError: sad: got 7.0" + WHERE,
            "model 'run' does not load: sad: got 7.0; correct the parameters in its config.pbtxt",
        ),
        (
            LOADED.format(model="run") + 'Invalid argument: instance group has no count"',
            "model 'run' does not load: instance group has no count",
        ),
        (
            "E1125 18:13:34.693906 15365 model_repository_manager.cc:724] "
            "\"failed to load model 'sad': at least one version must be available\"",
            "model 'sad' does not load: at least one version must be available",
        ),
        (
            "E1125 18:12:22.864784 14263 model_repository_manager.cc:1460] "
            "\"Poll failed for model directory 'run': failed to read text proto from x\"",
            "model 'run' has no proper configuration: failed to read text proto from x; correct it",
        ),
        (
            "/opt/bin/tritonserver: unrecognized option '--no-such-flag'",
            "unrecognized option '--no-such-flag'; see ./scripts/serve.sh --help, "
            "tritonserver --help",
        ),
        (
            "I1125 18:12:22.864784 14263 server.cc:305] \"failed to load 'sad' version 1: a: b\"",
            None,
        ),
        ('E1125 18:04:10.399915 3820 server.cc:241] "CudaDriverHelper is missing"', None),
    ],
)
def test_a_line_of_the_log_becomes_a_sentence(line, sentence):
    assert explanation(line) == sentence


def test_the_sentence_comes_first_and_once_and_the_log_follows(tmp_path):
    log = tmp_path / "log"
    line = LOADED.format(model="sad") + "Internal: no file" + WHERE
    log.write_text(f"I1122 begins\n{line}\n{line}\nI1122 ends\n")
    error = start_failure(log, "it ended with status 1")
    first, second, *rest = str(error).splitlines()
    assert first == error.headline == "model 'sad' does not load: no file"
    assert second == "it ended with status 1"
    assert rest[0] == line
    assert rest[-1] == "I1122 ends"


def test_without_a_log_there_is_still_a_reason(tmp_path):
    assert failure(tmp_path / "none", "it ended").headline == "it ended"


def test_where_a_configuration_cannot_be_read_is_a_complaint(tmp_path):
    log = tmp_path / "log"
    where = "[libprotobuf ERROR x.cc:337] Error parsing text-format: 21:11: no field named 'a'"
    log.write_text(f"{where}\n" + "I1122 goes on\n" * 99)
    assert str(failure(log, "it ended")).splitlines()[1] == where
