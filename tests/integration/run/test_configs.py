"""The model repository: folders, configurations, and that they agree."""

import re
from dataclasses import replace

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
from server.launcher import GPU_MODELS
from setup.networks.interfaces import SEGMENTATION

MODELS = sorted(path for path in REPOSITORY.iterdir() if path.is_dir())
VARIANTS = sorted(REPOSITORY.glob("*/configs/*.pbtxt"))
CONFIG_FILES = sorted([*REPOSITORY.glob("*/config.pbtxt"), *VARIANTS])
GPU_BACKENDS = {
    "gpu": "onnxruntime",
    "ort_tensorrt": "onnxruntime",
    "tensorrt": "tensorrt",
    "tensorrt_graphs": "tensorrt",
}
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


def variants(model):
    """Configurations of a model beside `config.pbtxt`, by name."""
    return {path.stem: read_config(path) for path in VARIANTS if path.parent.parent.name == model}


def test_the_repository_for_gpus_contains_only_models_for_any_device():
    (folder,) = GPU_MODELS.iterdir()
    config = read_config(folder / "config.pbtxt")
    assert config.name == folder.name == "fbank"
    assert [group.kind for group in config.instance_group] == [KIND_AUTO]
    assert tensors(config.output) == {"features": (pb.TYPE_FP32, [-1, N_MELS])}


def test_one_name_chooses_the_configurations_of_all_models():
    assert {net: set(variants(net)) for net in ("speaker_model", "segmentation", "run")} == {
        "speaker_model": {*GPU_BACKENDS, "openvino"},
        "segmentation": {*GPU_BACKENDS, "openvino"},
        "run": set(GPU_BACKENDS),
    }
    assert {path.parent.parent.name for path in VARIANTS} == {
        "speaker_model",
        "segmentation",
        "run",
    }
    for net in ("speaker_model", "segmentation"):
        backends = {name: config.backend for name, config in variants(net).items()}
        assert backends == {**GPU_BACKENDS, "openvino": "openvino"}


@pytest.mark.parametrize("name", GPU_BACKENDS)
@pytest.mark.parametrize("net", ["speaker_model", "segmentation"])
def test_a_net_for_gpus_differs_in_batches_and_in_what_computes(net, name):
    variant, default = variants(net)[name], config_of(net)
    assert all(group.kind == KIND_AUTO for group in variant.instance_group)
    assert {warmup.batch_size for warmup in variant.model_warmup} == {variant.max_batch_size}
    for config in (variant, default):
        for field in ("backend", "optimization", "max_batch_size", "instance_group"):
            config.ClearField(field)
        for warmup in config.model_warmup:
            warmup.ClearField("batch_size")
    assert variant == default


@pytest.mark.parametrize("name", GPU_BACKENDS)
def test_run_for_gpus_differs_in_calls_that_the_nets_take(name):
    variant, default = variants("run")[name], config_of("run")
    calls = parse_options(
        {key: each.string_value for key, each in variant.parameters.items()}
    ).calls
    assert calls.windows == variants("speaker_model")[name].max_batch_size
    assert calls.chunks == variants("segmentation")[name].max_batch_size
    assert calls == replace(run_options().calls, windows=calls.windows, chunks=calls.chunks)
    assert {group.kind for group in variant.instance_group} == {KIND_CPU}
    for config in (variant, default):
        config.ClearField("instance_group")
        config.parameters.clear()
    assert variant == default


@pytest.mark.parametrize(
    ("net", "outputs"),
    [
        ("speaker_model", {"embs": (pb.TYPE_FP32, [-1, 192])}),
        ("segmentation", {"logp": (pb.TYPE_FP32, [-1, CHUNK_FRAMES, len(POWERSET)])}),
    ],
)
def test_openvino_takes_calls_of_any_size(net, outputs):
    config, default = variants(net)["openvino"], config_of(net)
    (tensor,) = config.input
    assert (config.max_batch_size, config.default_model_filename) == (0, "model.onnx")
    assert {tensor.name: list(tensor.dims)} == {
        each.name: [-1, *each.dims] for each in default.input
    }
    assert tensors(config.output) == outputs
    assert not config.HasField("dynamic_batching")  # it would stack requests
    assert [(group.kind, group.count) for group in config.instance_group] == [(KIND_CPU, 1)]
    assert config.parameters["HINT_BF16"].string_value == "YES"


@pytest.mark.parametrize(("net", "tensor"), [("speaker_model", "feats"), ("segmentation", "wav")])
def test_onnx_runtime_builds_the_same_engine_as_the_export(net, tensor, export_shapes):
    config = variants(net)["ort_tensorrt"]
    (accelerator,) = config.optimization.execution_accelerators.gpu_execution_accelerator
    assert accelerator.name == "tensorrt"
    assert accelerator.parameters["precision_mode"] == "FP32"
    for which, shape in export_shapes[tensor].items():
        dims = "x".join(map(str, shape))
        assert accelerator.parameters[f"trt_profile_{which}_shapes"] == f"{tensor}:{dims}"


@pytest.mark.parametrize("name", ["tensorrt", "ort_tensorrt"])
def test_the_engine_takes_every_batch_of_windows_that_run_sends(name, export_shapes):
    options = run_options()
    lengths_s = (options.frames.window_s, options.window.length_s)
    n_frames = [n_frames_of(samples_of(length_s)) for length_s in lengths_s]
    assert n_frames == [98, 148]
    least, best, most = (export_shapes["feats"][which] for which in ("min", "opt", "max"))
    assert least[0] == 1
    assert best[0] == most[0] == variants("speaker_model")[name].max_batch_size
    assert least[1] <= min(n_frames)
    assert best[1] in n_frames
    assert most[1] >= max(n_frames)
    assert {least[2], best[2], most[2]} == {N_MELS}


@pytest.mark.parametrize("name", ["tensorrt", "ort_tensorrt"])
def test_the_engine_takes_every_batch_of_chunks_that_run_sends(name, export_shapes):
    largest = variants("segmentation")[name].max_batch_size
    assert export_shapes["wav"] == {
        which: (size, 1, CHUNK_SAMPLES)
        for which, size in (("min", 1), ("opt", largest), ("max", largest))
    }


def test_graphs_are_of_batches_that_the_engine_takes(export_shapes):
    config = variants("speaker_model")["tensorrt_graphs"]
    assert config.optimization.cuda.graphs
    assert not variants("segmentation")["tensorrt_graphs"].HasField("optimization")
    for graph in config.optimization.cuda.graph_spec:
        frames, mels = graph.input["feats"].dim
        least = graph.graph_lower_bound
        assert (frames in (98, 148), mels) == (True, N_MELS)
        assert list(least.input["feats"].dim) == [frames, mels]
        assert 1 <= least.batch_size < graph.batch_size <= export_shapes["feats"]["max"][0]


@pytest.fixture
def export_shapes():
    """Shapes in export_tensorrt.sh: tensor -> min, opt and max -> batch and the rest."""
    script = (REPOSITORY.parent / "scripts" / "setup" / "export_tensorrt.sh").read_text()
    shapes = {"feats": {}, "wav": {}}
    for which, tensor, sizes in re.findall(r"--(min|opt|max)Shapes=(\w+):([\dx]+)", script):
        shapes[tensor][which] = tuple(map(int, sizes.split("x")))
    return shapes


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


def test_no_configuration_but_openvinos_contains_the_embedding_size():
    """It compares what it is given with the network; the others complete the output from it."""
    named = [path.stem for path in CONFIG_FILES if "embs" in tensors(read_config(path).output)]
    assert named == ["openvino"]
