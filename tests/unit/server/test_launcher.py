"""What the launcher makes of the machine: cores by affinity and control groups; the precision."""

import os

import pytest

from server.launcher import LaunchError, available_cores, precision


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(8)))


@pytest.fixture
def cores(tmp_path):
    """Cores for a process whose /proc/self/cgroup is the given text, with limits in files."""

    def found(own_groups, files):
        own = tmp_path / "cgroup"
        own.write_bytes(os.fsencode(own_groups))
        for name, text in files.items():
            path = tmp_path / "fs" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return available_cores(own, tmp_path / "fs")

    return found


def test_without_control_groups_the_affinity_counts(tmp_path):
    assert available_cores(tmp_path / "none", tmp_path) == 8


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("max 100000", 8),
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("50000 100000", 1),
        ("9900000 100000", 8),
        ("", 8),
    ],
)
def test_a_container_sees_its_limit_at_the_root(cores, limit, expected):
    assert cores("0::/\n", {"cpu.max": limit}) == expected


def test_the_strictest_group_on_the_way_up_counts(cores):
    files = {
        "a/b/cpu.max": "max 100000",
        "a/cpu.max": "300000 100000",
        "cpu.max": "500000 100000",
        "c/cpu.max": "100000 100000",
    }
    assert cores("0::/a/b\n", files) == 3


@pytest.mark.parametrize(("quota", "expected"), [("-1", 8), ("400000", 4)])
def test_version_one_is_read_too(cores, quota, expected):
    groups = "5:memory:/a\n4:cpu,cpuacct:/a\n0::/\n"
    files = {"cpu/a/cpu.cfs_quota_us": f"{quota}\n", "cpu/a/cpu.cfs_period_us": "100000\n"}
    assert cores(groups, files) == expected


def test_a_group_mounted_at_the_root_of_a_container_is_found(cores):
    files = {"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}
    assert cores("4:cpu,cpuacct:/docker/0123\n", files) == 2


def test_a_group_whose_name_is_not_utf8_is_found(cores):
    assert cores("0::/a\udcff\n", {"a\udcff/cpu.max": "200000 100000"}) == 2


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("avx2 avx512f", "fp32"),
        ("avx2 avx_vnni", "int8"),
        ("avx512f avx512_vnni", "int8"),
        ("avx512_vnni avx512_bf16", "int8+bf16"),
        ("avx512_vnni avx512_bf16 amx_bf16 amx_int8", "bf16"),
    ],
)
def test_the_nets_run_in_what_the_processor_is_made_for(tmp_path, monkeypatch, flags, expected):
    monkeypatch.delenv("DIARIZATION_PRECISION", raising=False)
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor : 0\nflags\t\t: fpu {flags} sse2\nbugs : none\n")

    assert precision(cpuinfo) == expected


def test_without_a_list_of_flags_the_nets_run_in_single_precision(tmp_path, monkeypatch):
    monkeypatch.delenv("DIARIZATION_PRECISION", raising=False)

    assert precision(tmp_path / "missing") == "fp32"


@pytest.mark.parametrize("asked", ["fp32", "bf16", "int8", "int8+bf16"])
def test_the_precision_can_be_chosen(monkeypatch, asked):
    monkeypatch.setenv("DIARIZATION_PRECISION", asked)

    assert precision() == asked


def test_another_precision_is_refused(monkeypatch):
    monkeypatch.setenv("DIARIZATION_PRECISION", "int4")

    with pytest.raises(LaunchError, match="got 'int4', expected auto or one of fp32, bf16, int8"):
        precision()
