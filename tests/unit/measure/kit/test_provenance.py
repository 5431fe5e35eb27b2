import os

from measure.kit.provenance import cpu_model, gpus, md_eval_version, provenance
from scoring.scores import find_md_eval


def test_provenance_names_machine_and_versions():
    found = provenance(find_md_eval(None))

    assert found["machine"]["n_cores"] >= 1
    assert found["versions"]["numpy"].startswith("1.26")
    assert found["versions"]["md-eval"] == "22"
    assert found["date"].endswith("+00:00")
    assert "md-eval" not in provenance()["versions"]


def test_an_unknown_value_is_none(tmp_path):
    assert cpu_model(tmp_path / "absent") is None
    assert md_eval_version(tmp_path / "absent") is None


def test_the_processor_is_named(tmp_path):
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Fast One\nflags\t: x\n")

    assert cpu_model(tmp_path / "cpuinfo") == "Fast One"


def test_gpus_are_named_with_their_driver(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'Fast One, 1000 MiB, 560.1'\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert gpus() == ["Fast One, 1000 MiB, driver 560.1"]
