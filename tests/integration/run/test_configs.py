"""The model repository: folders, configurations, and that they agree."""

import re

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

from diarization.arrays import samples_of
from diarization.fbank import N_MELS, n_frames_of
from diarization.full.segmentation import CHUNK_FRAMES, CHUNK_SAMPLES, POWERSET
from diarization.options import Options, parse_options
from diarization.sad import FRAME_SAMPLES
from integration.model_contract import REPOSITORY, read_config
from integration.model_loading import import_file
from setup.networks.interfaces import SEGMENTATION

MODELS = sorted(path for path in REPOSITORY.iterdir() if path.is_dir())
VARIANTS = sorted(REPOSITORY.glob("*/configs/*.pbtxt"))
CONFIG_FILES = sorted([*REPOSITORY.glob("*/config.pbtxt"), *VARIANTS])
NETS = ("sad", "segmentation", "speaker_model")
KIND_AUTO, KIND_CPU = pb.ModelInstanceGroup.KIND_AUTO, pb.ModelInstanceGroup.KIND_CPU


def config_of(model):
    return read_config(REPOSITORY / model / "config.pbtxt")


def tensors(declared):
    return {tensor.name: (tensor.data_type, list(tensor.dims)) for tensor in declared}


def run_options():
    """The options that `run` starts with; a parameter it does not know is an error."""
    parameters = config_of("run").parameters
    return parse_options({key: value.string_value for key, value in parameters.items()})


def without_comments(path):
    return re.sub(r"#.*", "", path.read_text())


def test_the_repository_contains_only_model_folders():
    assert sorted(REPOSITORY.iterdir()) == MODELS
    assert {"run", *NETS} <= {model.name for model in MODELS}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_folder_is_a_model(model):
    assert (model / "config.pbtxt").is_file()
    versions = [path for path in model.iterdir() if path.is_dir() and path.name != "configs"]
    assert versions
    assert all(re.fullmatch(r"[1-9]\d*", version.name) for version in versions)
    assert all(any(version.iterdir()) for version in versions)


@pytest.mark.parametrize("path", CONFIG_FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_configuration_is_valid_and_names_its_folder(path):
    folder = path.parent.parent if path.parent.name == "configs" else path.parent
    config = text_format.Parse(path.read_text(), pb.ModelConfig())
    assert config.name == folder.name
    assert config.backend


def test_the_speaker_model_can_be_served_by_tensorrt_in_two_ways():
    backends = {path.stem: read_config(path).backend for path in VARIANTS}
    assert backends == {"tensorrt": "tensorrt", "ort_tensorrt": "onnxruntime"}


@pytest.mark.parametrize("path", VARIANTS, ids=lambda path: path.stem)
def test_a_variant_differs_only_in_backend_and_optimization(path):
    variant, default = read_config(path), config_of(path.parent.parent.name)
    for config in (variant, default):
        config.ClearField("backend")
        config.ClearField("optimization")
    assert variant == default


def test_onnx_runtime_builds_the_same_engine_as_the_export(export_shapes):
    config = read_config(REPOSITORY / "speaker_model" / "configs" / "ort_tensorrt.pbtxt")
    (accelerator,) = config.optimization.execution_accelerators.gpu_execution_accelerator
    assert accelerator.name == "tensorrt"
    assert accelerator.parameters["precision_mode"] == "FP32"
    for which, shape in export_shapes.items():
        dims = "x".join(map(str, shape))
        assert accelerator.parameters[f"trt_profile_{which}_shapes"] == f"feats:{dims}"


def test_the_engine_takes_every_batch_of_windows_that_run_sends(export_shapes):
    config, options = config_of("speaker_model"), run_options()
    lengths_s = (options.frames.window_s, options.window.length_s)
    n_frames = [n_frames_of(samples_of(length_s)) for length_s in lengths_s]
    assert n_frames == [98, 148]
    least, best, most = (export_shapes[which] for which in ("min", "opt", "max"))
    assert least[0] == 1
    assert best[0] == most[0] == config.max_batch_size
    assert least[1] <= min(n_frames)
    assert best[1] in n_frames
    assert most[1] >= max(n_frames)
    assert {least[2], best[2], most[2]} == {N_MELS}


@pytest.fixture
def export_shapes():
    """Shapes of `feats` in export_tensorrt.sh: min, opt and max -> batch, frames, mels."""
    script = (REPOSITORY.parent / "scripts" / "setup" / "export_tensorrt.sh").read_text()
    found = re.findall(r"--(min|opt|max)Shapes=feats:(\d+)x(\d+)x(\d+)", script)
    return {which: tuple(map(int, sizes)) for which, *sizes in found}


def test_run_has_the_inputs_and_outputs_that_clients_use():
    config = config_of("run")
    assert config.max_batch_size == 0
    assert tensors(config.input) == {
        "input": (pb.TYPE_FP32, [-1, -1]),
        "AUDIO": (pb.TYPE_STRING, [1]),
    }
    assert all(tensor.optional for tensor in config.input)
    assert tensors(config.output) == {
        "LABELS": (pb.TYPE_FP32, [1, -1, 3]),
        "RTTM": (pb.TYPE_STRING, [1]),
        "INFO": (pb.TYPE_STRING, [1]),
        "CONFIDENCE": (pb.TYPE_FP32, [-1]),
        "EMBEDDINGS": (pb.TYPE_FP32, [-1, -1]),
    }


def test_the_queue_of_run_is_limited_in_size_and_time():
    policy = config_of("run").dynamic_batching.default_queue_policy
    assert policy.max_queue_size == 64
    assert policy.timeout_action == pb.ModelQueuePolicy.REJECT
    assert policy.default_timeout_microseconds == 300_000_000
    assert not policy.allow_timeout_override


def test_run_is_on_the_cpu_and_the_nets_on_any_device():
    assert {group.kind for group in config_of("run").instance_group} == {KIND_CPU}
    for net in NETS:
        assert {group.kind for group in config_of(net).instance_group} <= {KIND_AUTO}
        assert "kind" not in without_comments(REPOSITORY / net / "config.pbtxt")


def test_stream_is_one_process_that_takes_pieces_of_several_sessions_at_once():
    config = config_of("stream")
    assert config.max_batch_size == 64
    assert tensors(config.input) == {"samples": (pb.TYPE_FP32, [-1]), "pcm": (pb.TYPE_INT16, [-1])}
    assert all(tensor.optional and tensor.allow_ragged_batch for tensor in config.input)
    assert tensors(config.output) == {"EVENTS": (pb.TYPE_STRING, [1])}
    assert [(group.kind, group.count) for group in config.instance_group] == [(KIND_CPU, 1)]
    policy = config.dynamic_batching.default_queue_policy
    assert policy.max_queue_size >= int(config.parameters["sessions.most"].string_value)
    assert policy.timeout_action == pb.ModelQueuePolicy.REJECT


def test_a_call_has_no_more_windows_than_the_speaker_model_takes():
    largest = config_of("speaker_model").max_batch_size
    assert Options().calls.windows <= largest
    assert run_options().calls.windows <= largest


def test_the_speaker_model_takes_features_and_merges_calls():
    config = config_of("speaker_model")
    assert tensors(config.input) == {"feats": (pb.TYPE_FP32, [-1, N_MELS])}
    assert config.HasField("dynamic_batching")
    assert config.dynamic_batching.max_queue_delay_microseconds == 0


def test_the_speaker_model_is_warmed_up_with_full_batches_of_each_modes_windows():
    config, options = config_of("speaker_model"), run_options()
    for warmup in config.model_warmup:
        assert warmup.batch_size == options.calls.windows
        assert warmup.inputs["feats"].data_type == pb.TYPE_FP32
    lengths_s = (options.frames.window_s, options.window.length_s)
    windows = [[n_frames_of(samples_of(length_s)), N_MELS] for length_s in lengths_s]
    assert sorted(list(warmup.inputs["feats"].dims) for warmup in config.model_warmup) == windows


def test_a_call_has_no_more_chunks_than_the_segmentation_model_takes():
    largest = config_of("segmentation").max_batch_size
    assert Options().calls.chunks <= largest
    assert run_options().calls.chunks <= largest


def test_the_segmentation_model_and_run_agree_on_chunks_and_frames():
    assert SEGMENTATION.input_axes == ("B", 1, CHUNK_SAMPLES)
    assert SEGMENTATION.output_axes == ("B", CHUNK_FRAMES, len(POWERSET))


def test_the_segmentation_model_takes_chunks_and_merges_calls():
    config = config_of("segmentation")
    assert tensors(config.input) == {SEGMENTATION.input_name: (pb.TYPE_FP32, [1, CHUNK_SAMPLES])}
    assert not config.output  # left to the model
    assert config.HasField("dynamic_batching")
    assert config.dynamic_batching.max_queue_delay_microseconds == 0


def test_the_segmentation_model_is_warmed_up_with_full_batches():
    config = config_of("segmentation")
    (warmup,) = config.model_warmup
    assert warmup.batch_size == run_options().calls.chunks
    assert list(warmup.inputs["wav"].dims) == [1, CHUNK_SAMPLES]
    assert warmup.inputs["wav"].data_type == pb.TYPE_FP32


def test_the_sad_model_is_warmed_up_with_samples():
    (warmup,) = config_of("sad").model_warmup
    n_streams, n_samples = warmup.inputs["samples"].dims
    assert (n_streams, n_samples >= FRAME_SAMPLES) == (1, True)


def test_the_sad_model_and_run_agree_on_frame_and_state():
    silero = import_file(REPOSITORY / "sad" / "1" / "silero.py")
    assert silero.FRAME_SAMPLES == FRAME_SAMPLES
    config = config_of("sad")
    assert tensors(config.input)["state"] == (pb.TYPE_FP32, [-1, silero.STATE_SIZE])
    assert tensors(config.output)["next_state"] == (pb.TYPE_FP32, [-1, silero.STATE_SIZE])
    assert {tensor.name: tensor.optional for tensor in config.input} == {
        "samples": False,
        "state": True,
    }


def test_no_configuration_contains_the_embedding_size():
    assert "embs" not in tensors(config_of("speaker_model").output)
    numbers = {
        int(number)
        for path in CONFIG_FILES
        for number in re.findall(r"\b\d+\b", without_comments(path))
    }
    assert not numbers & {192, 256, 512}  # the sizes that speaker models have
