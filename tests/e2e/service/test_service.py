"""The whole service: tritonserver, BLS, the nets, the client, md-eval."""

import subprocess
import urllib.error
import urllib.request

import numpy as np
import pytest
import soundfile
import tritonclient.grpc as grpcclient

from e2e.calls import der_percent, diarize, diarize_all, run_client, wav_bytes
from server.triton_server import ROOT, TritonServer

MD_EVAL = ROOT / "external_tools" / "SCTK-2.4.12" / "src" / "md-eval" / "md-eval.pl"
SAME_TIME_S = 0.02

pytestmark = pytest.mark.triton


def same_turns(one, other):
    """Same speakers in the same order, all borders within 20 ms."""
    assert [turn[2] for turn in one.turns] == [turn[2] for turn in other.turns]
    times = [[turn[:2] for turn in answer.turns] for answer in (one, other)]
    np.testing.assert_allclose(*times, atol=SAME_TIME_S)


@pytest.fixture(scope="module")
def sample_alone(server, sample):
    return diarize(server, sample.read_bytes())


@pytest.fixture(scope="module")
def speaker_statistics(server):
    """A function that counts the windows of the speaker model and its executions so far.

    Those of one window alone are left out: they are probes.
    """

    def read():
        with grpcclient.InferenceServerClient(server.url) as client:
            (statistics,) = client.get_inference_statistics("speaker_model").model_stats
        counts = {
            each.batch_size: each.compute_infer.count
            for each in statistics.batch_stats
            if each.batch_size > 1
        }
        return sum(size * count for size, count in counts.items()), sum(counts.values())

    return read


def test_the_sample_is_diarized_and_scored(server, sample, tmp_path):
    done = run_client(
        server,
        f"--audio_file={sample}",
        f"--output_directory={tmp_path / 'out'}",
        f"--reference={sample.with_suffix('.rttm')}",
    )
    assert done.returncode == 0, done.stderr
    rttm = (tmp_path / "out" / "rttm_sample").read_text()
    assert {line.split()[7] for line in rttm.splitlines()} == {"SPEAKER_00", "SPEAKER_01"}
    assert (tmp_path / "out" / "rttm").read_text() == rttm
    assert der_percent(done.stdout) <= 8


def test_the_commands_of_upstreams_readme_work(server, sample, tmp_path):
    (tmp_path / "wav.scp").write_text(f"sample {sample}\n")
    (tmp_path / "ref").mkdir()
    (tmp_path / "ref" / "sample.rttm").write_bytes(sample.with_suffix(".rttm").read_bytes())
    script = f"""
        set -e
        export output_directory="output" wav_scp_dir={tmp_path}
        python {ROOT}/client/client.py --url={server.url} --wavscp=$wav_scp_dir/wav.scp \
            --output_directory="$output_directory"
        cp $output_directory/rttm before
        cat $output_directory/rttm* > $output_directory/rttm
        cmp before $output_directory/rttm
        perl {MD_EVAL} -c 0.25 -r <(cat ref/*.rttm) -s $output_directory/rttm
    """
    script = f'PATH="{ROOT}/.venv/bin:$PATH"\n{script}'
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert der_percent(done.stdout) <= 8


def test_upstreams_own_request_gets_labels(server, sample, sample_alone):
    samples, _ = soundfile.read(sample, dtype="float32")
    tensor = grpcclient.InferInput("input", [1, len(samples)], "FP32")
    tensor.set_data_from_numpy(samples[None])
    with grpcclient.InferenceServerClient(server.url) as client:
        outputs = [grpcclient.InferRequestedOutput("LABELS")]
        result = client.infer("run", [tensor], request_id="0", outputs=outputs)
    assert [output.name for output in result.get_response().outputs] == ["LABELS"]
    np.testing.assert_allclose(result.as_numpy("LABELS"), sample_alone.labels, atol=SAME_TIME_S)


def test_labels_rttm_and_info_agree(sample_alone):
    (rows,) = sample_alone.labels
    turns = [(begin, end, int(speaker[-2:])) for begin, end, speaker in sample_alone.turns]
    np.testing.assert_allclose(rows, turns, atol=1e-3)
    assert sample_alone.info["n_speakers"] == len({turn[2] for turn in turns}) == 2
    assert sample_alone.info["audio_s"] == pytest.approx(30.0, abs=0.01)
    assert sample_alone.info["mode"] == "full"
    stages = {"decode", "sad", "segment", "fbank", "embed", "cluster", "assign", "total"}
    assert stages == set(sample_alone.info["stage_s"])


@pytest.mark.parametrize("n_samples", [0, 1, 300, 16_000, 160_000])
def test_silence_of_any_length_gives_an_empty_rttm(server, n_samples):
    answer = diarize(server, wav_bytes(np.zeros(n_samples)))
    assert answer.rttm == ""
    assert answer.labels.shape == (1, 0, 3)


def test_the_client_succeeds_for_a_silent_file(server, tmp_path):
    (tmp_path / "quiet.wav").write_bytes(wav_bytes(np.zeros(32_000)))
    done = run_client(
        server, f"--audio_file={tmp_path / 'quiet.wav'}", f"--output_directory={tmp_path}"
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "rttm_quiet").read_text() == ""


def test_garbage_is_refused_and_affects_no_other_request(server, sample, sample_alone):
    good = sample.read_bytes()
    answers = diarize_all(server, [b"no audio", good, b"", good[:20]])
    same_turns(answers[1], sample_alone)
    for refused in (answers[0], answers[2], answers[3]):
        assert refused.status() == "StatusCode.INVALID_ARGUMENT"
        assert "expected a wav, flac, ogg or mp3 file" in refused.message()
        assert "Traceback" not in refused.message()
        assert str(ROOT) not in refused.message()


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"num_speakers": 0}, "num_speakers"),
        ({"num_speakers": "two"}, "num_speakers"),
        ({"min_speakers": 3, "max_speakers": 2}, "min_speakers"),
        ({"recording_id": "two words"}, "recording_id"),
        ({"mode": "fast"}, "parameter 'mode': got 'fast', expected one of full, classic"),
        ({"speakers": 2}, "speakers"),
    ],
)
def test_a_wrong_parameter_is_refused_by_name(server, sample, parameters, named):
    with pytest.raises(grpcclient.InferenceServerException) as refused:
        diarize(server, sample.read_bytes(), **parameters)
    assert refused.value.status() == "StatusCode.INVALID_ARGUMENT"
    assert named in refused.value.message()


def test_a_request_without_input_is_refused(server):
    with (
        grpcclient.InferenceServerClient(server.url) as client,
        pytest.raises(grpcclient.InferenceServerException, match="exactly one of input, AUDIO"),
    ):
        client.infer("run", [])


@pytest.mark.parametrize("n_speakers", [1, 3])
def test_the_requested_number_of_speakers_is_found(server, sample, n_speakers):
    answer = diarize(server, sample.read_bytes(), num_speakers=n_speakers, recording_id="mine")
    assert len({turn[2] for turn in answer.turns}) == n_speakers
    assert {line.split()[1] for line in answer.rttm.splitlines()} == {"mine"}


def test_concurrent_recordings_are_answered_as_alone(server, sample, sample_alone):
    samples, _ = soundfile.read(sample, dtype="float32")
    files = [wav_bytes(samples[: 160_000 + 40_000 * n]) for n in range(8)]
    alone = [diarize(server, encoded) for encoded in files]
    for together, by_itself in zip(diarize_all(server, files), alone, strict=True):
        same_turns(together, by_itself)
    same_turns(alone[-1], diarize(server, files[-1]))


def test_the_windows_of_a_short_recording_are_sent_in_one_call(server, sample, speaker_statistics):
    windows_before, executions_before = speaker_statistics()
    answer = diarize(server, sample.read_bytes())
    windows, executions = speaker_statistics()
    assert answer.info["n_windows"] == windows - windows_before == 46  # fewer than fit one batch
    assert executions - executions_before == 1


def test_windows_of_several_recordings_are_merged(server, sample, speaker_statistics):
    # In the full mode segmentation takes one recording after the other, so calls do not meet.
    windows_before, executions_before = speaker_statistics()
    answers = diarize_all(server, [sample.read_bytes()] * 4, mode="classic")
    windows, executions = speaker_statistics()
    assert windows - windows_before == sum(answer.info["n_windows"] for answer in answers)
    assert all(answer.info["n_windows"] < 64 for answer in answers)  # one call each
    assert executions - executions_before < len(answers)


def test_every_model_is_ready_and_metrics_are_served(server):
    with grpcclient.InferenceServerClient(server.url) as client:
        models = ("run", "sad", "segmentation", "speaker_model")
        assert all(client.is_model_ready(name) for name in models)
    with urllib.request.urlopen(server.metrics_url, timeout=10) as response:
        assert b'nv_inference_request_success{model="run"' in response.read()


@pytest.mark.slow  # it starts a server of its own
@pytest.mark.parametrize("precision", ["bf16", "int8", "int8+bf16"])
def test_in_every_precision_the_answer_is_nearly_the_same(
    precision, server, sample, tmp_path, monkeypatch
):
    monkeypatch.setenv("DIARIZATION_PRECISION", precision)
    with TritonServer(tmp_path / "tritonserver.log") as other:
        found = diarize(other, sample.read_bytes())
    expected = diarize(server, sample.read_bytes())
    assert (expected.info["precision"], found.info["precision"]) == ("fp32", precision)
    assert [turn[2] for turn in found.turns] == [turn[2] for turn in expected.turns]
    assert np.allclose(
        [turn[:2] for turn in found.turns], [turn[:2] for turn in expected.turns], atol=0.2
    )
