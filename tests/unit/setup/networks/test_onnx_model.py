"""Which ONNX files can be served: their tensors, and their output in a trial run."""

from __future__ import annotations

import onnx
import pytest
from onnx import TensorProto, helper

from setup.networks.interfaces import SEGMENTATION, SPEAKER
from setup.networks.onnx_model import InterfaceError, check_onnx


def graph(feats, embs, op="ReduceMean", kind=TensorProto.FLOAT, **attributes):
    """Build a model of one node; `feats` and `embs` are (name, shape)."""
    node = helper.make_node(op, [feats[0]], [embs[0]], **attributes)
    inputs = [helper.make_tensor_value_info(feats[0], kind, feats[1])]
    outputs = [helper.make_tensor_value_info(embs[0], kind, embs[1])]
    made = helper.make_graph([node], "g", inputs, outputs)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


POOL = {"axes": [1], "keepdims": 0}
FEATS, EMBS = ("feats", ["B", "T", 80]), ("embs", ["B", 80])


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (graph(("x", FEATS[1]), EMBS, **POOL), r"input is 'x' .*, expected one input 'feats'"),
        (graph(FEATS, ("y", EMBS[1]), **POOL), r"output is 'y' .*, expected one output 'embs'"),
        (graph(("feats", ["B", "T", 40]), ("embs", ["B", 40]), **POOL), r"\('B', 'T', 40\), ex"),
        (graph(("feats", [1, "T", 80]), ("embs", [1, 80]), **POOL), r"\(1, 'T', 80\), expected"),
        (graph(("feats", ["B", 148, 80]), EMBS, **POOL), r"\('B', 148, 80\), expected"),
        (graph(FEATS, EMBS, kind=TensorProto.DOUBLE, **POOL), r"tensor\(double\)"),
        (graph(FEATS, ("embs", ["B", "T"]), axes=[2], keepdims=0), r"got \[\(148,\), \(200,\)\]"),
        (graph(FEATS, ("embs", ["B", "T", 80]), op="Relu"), r"output is 'embs' .*'T', 80\)"),
        (graph(FEATS, ("embs", ["T", 80]), axes=[0], keepdims=0), r"embs is \(148, 80\), expected"),
        (graph(FEATS, EMBS, op="ReduceLogSum", **POOL), r"holds NaN or infinity"),
    ],
)  # fmt: skip
def test_model_with_another_interface_is_refused_saying_what(tmp_path, model, message):
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(InterfaceError, match=rf"^shown: .*{message}"):
        check_onnx(tmp_path / "m.onnx", SPEAKER, "shown")


def test_model_whose_embedding_size_is_not_declared_is_measured(tmp_path):
    onnx.save(graph(FEATS, ("embs", ["B", "dim"]), **POOL), tmp_path / "m.onnx")
    assert check_onnx(tmp_path / "m.onnx", SPEAKER, "shown").output_dims == [80]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (graph(("wav", ["B", "T"]), ("logp", ["B", "T"]), op="Relu"),
         r"input is 'wav' .*, expected one input 'wav' float \(B, 1, 160000\), B free"),
        (graph(("wav", ["B", 1, 160000]), ("logp", ["B", 1, 160000]), op="Relu"),
         r"output is 'logp' .*, expected one output 'logp' float \(B, 589, 7\), B free"),
    ],
)  # fmt: skip
def test_segmentation_model_must_take_chunks_and_give_frames_of_classes(tmp_path, model, message):
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(InterfaceError, match=rf"^shown: {message}$"):
        check_onnx(tmp_path / "m.onnx", SEGMENTATION, "shown")
