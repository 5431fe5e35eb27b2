"""The page of a series: commands to type, tables, and how to read them."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from measure.evaluation.markdown import origin_text
from measure.evaluation.tables import markdown_table
from measure.load_testing.series import INNER_MODELS, STABLE_PERCENT, Measured, speaker_flags
from measure.load_testing.tool import (
    FOLDER,
    INPUT,
    LIBRARIES,
    N_FRAMES,
    PERCENTILE,
    PROGRAM,
    command,
)
from server.triton_server import ROOT

URL = "localhost:8001"
SHOWN_CONCURRENCY = 4  # of the report that is shown whole
MEASUREMENT = "Request concurrency"
IMAGE = "nvcr.io/nvidia/tritonserver:24.10-py3-sdk"
MOUNTED = "/input"
CONTINUED = " \\\n    "

_INTRODUCTION = """\
Written by `python scripts/measure/perf_analyzer.py --docs`; do not edit. Triton's own load
generator, [perf_analyzer](https://github.com/triton-inference-server/perf_analyzer), is set up with
the client. Compare only what stands on this page: all of it comes from one run on one machine. Time
against length, memory, and clients that send different recordings: [benchmark.md](benchmark.md).
"""
_SCRIPT = """\
```bash
./scripts/serve.sh --client-models='*'                   # in one terminal
source .venv/bin/activate                                # in another one
python scripts/measure/perf_analyzer.py speaker_model -b 64 --concurrency-range=1:4
python scripts/measure/perf_analyzer.py run --request-parameter=mode:classic:string
python scripts/measure/perf_analyzer.py --audio_file=call.wav run --concurrency-range=8
python scripts/measure/perf_analyzer.py --url=gpu-server:8001    # all the tables below, printed
```

What follows the model's name are flags of perf_analyzer. The script adds `--shape` or
`--input-data` where you give none, and two libraries that the program wants and the package
tritonclient lacks; nothing is downloaded, they are in the wheel nvidia-pytriton.
"""
_PLAIN = """\
The same without the script, once it has left libraries and audio in `{folder}/`:

```bash
LD_LIBRARY_PATH={libraries} \\
    {speaker_model}
LD_LIBRARY_PATH={libraries} \\
    {run}
```

NVIDIA's SDK image has the libraries; this has not been tried here:

```bash
docker run --rm --net=host -v "$PWD/{folder}:{mounted}" {image} \\
    {run_in_image}
```
"""
_SPEAKER_MODEL = """\
Random features. A request is a batch of windows: of 1.0 s ({full} frames, mode `full`) or 1.5 s
({classic} frames, mode `classic`); `run` sends at most 64.
"""
_RUN = """\
The same recording again and again, `{audio}` of {audio_s:.0f} s, as bytes of the file; mode `full`.
"""
_READING = """\
- `concurrency` is the number of requests under way at any time. `p50` and `p95` are what a client
  waits for a whole request. `queue`, `compute` and `transport` are means of its parts: they add
  up to about the mean latency, not to a percentile. A p95 far above their sum means that a few
  requests waited much longer than most.
- `queue` is the wait for a free instance: `speaker_model` has one, `run` four. Growing `queue` with
  the same throughput means that the machine is full, and that more clients only wait longer.
  `compute` that grows with concurrency means that requests share cores. `transport` is gRPC, the
  network and the client.
- perf_analyzer's `infer/sec` counts items of a batch: windows for `speaker_model`, recordings for
  `run`. An `Execution count` below the request count says that Triton merged requests.
- For `run`, `compute` is all that happens within it, waiting for the inner models included; the
  `queue` of those is in the report below. Its figures for an inner model are means per call to that
  model, not per recording, and its `Server` line adds them up as they are.
- perf_analyzer repeats a measurement until three windows in a row agree within {stable} %
  (`--stability-percentage`, its own default is 10), else it fails and tells no figure. With the
  mode `classic`, leave `segmentation` out of `--bls-composing-models`: it fails when one was not
  called. With `--request-count` its throughput is too low, as it looks at the clock once a second.
"""


def markdown_page(
    results: Sequence[Measured], origin: Mapping[str, Any], audio: str, audio_s: float
) -> str:
    """Tell all of a series; `audio` is the name of the recording, `audio_s` its length."""
    speaker_model = [each for each in results if each.load.model == "speaker_model"]
    run = [each for each in results if each.load.model == "run"]
    parts = [
        "# perf_analyzer\n", _INTRODUCTION, origin_text(origin),
        "## Commands\n", _SCRIPT, plain_commands(),
        "## speaker_model\n", _SPEAKER_MODEL.format(**N_FRAMES), speaker_table(speaker_model),
        "## run\n", _RUN.format(audio=audio, audio_s=audio_s), run_table(run, audio_s),
        "## How to read them\n", _READING.format(stable=STABLE_PERCENT),
        *whole_report(run),
    ]  # fmt: skip
    return "\n".join(parts)


def plain_commands() -> str:
    """What one would type, here and in NVIDIA's image."""
    speaker_model = command("speaker_model", URL, speaker_flags(N_FRAMES["full"], 64))
    run = command("run", URL, ["--concurrency-range=1:4", f"--bls-composing-models={INNER_MODELS}"])
    return _PLAIN.format(
        folder=shown([str(FOLDER)]),
        libraries=shown([str(LIBRARIES)]),
        speaker_model=shown(speaker_model),
        run=shown(run),
        image=IMAGE,
        mounted=MOUNTED,
        run_in_image=shown(run).replace(shown([str(INPUT)]), f"{MOUNTED}/{INPUT.name}"),
    )


def shown(words: Sequence[str]) -> str:
    """A command as it is typed in the project's folder, broken where it gets long."""
    names = [PROGRAM.name if word == str(PROGRAM) else word for word in words]
    line = shlex.join(word.removeprefix(f"{ROOT}/") for word in names)
    return line.replace(" --input-data", f"{CONTINUED}--input-data")


def speaker_table(results: Sequence[Measured]) -> str:
    """Windows per second and latency by shape, batch and concurrency."""
    header = ["frames", "batch", "concurrency", "windows / s", *_TIMES]
    rows = []
    for each in results:
        load = each.load
        cells = [str(load.n_frames), str(load.batch), str(load.concurrency)]
        rows.append([*cells, f"{each.per_s:.0f}", *times(each)])
    return markdown_table(header, rows)


def run_table(results: Sequence[Measured], audio_s: float) -> str:
    """Throughput and latency by concurrency."""
    header = ["concurrency", "recordings / s", "times real time", *_TIMES]
    rows = []
    for each in results:
        speed = [f"{each.per_s:.2f}", f"{each.per_s * audio_s:.0f}"]
        rows.append([str(each.load.concurrency), *speed, *times(each)])
    return markdown_table(header, rows)


_TIMES = ["p50 ms", f"p{PERCENTILE} ms", "queue ms", "compute ms", "transport ms"]


def times(result: Measured) -> list[str]:
    """The cells below `_TIMES`."""
    all_ms = (
        result.p50_ms, result.p95_ms, result.queue_ms, result.compute_ms, result.transport_ms
    )  # fmt: skip
    return [f"{each_ms:.1f}" for each_ms in all_ms]


def whole_report(results: Sequence[Measured]) -> list[str]:
    """What perf_analyzer itself says about one of the rows."""
    for each in results:
        if each.load.concurrency == SHOWN_CONCURRENCY:
            text = each.report[max(0, each.report.find(MEASUREMENT)) :].rstrip()
            title = f"## perf_analyzer's report: run, concurrency {SHOWN_CONCURRENCY}\n"
            return [title, f"```\n{text}\n```\n"]
    return []
