#!/usr/bin/env bash
# Set up what is missing and run all checks and tests, real server included. --all adds the long ones; what else is given goes
# to pytest.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
"$root/scripts/setup.sh" --dev
cd "$root"
selection=(-m "not slow")
if [ "${1:-}" = --all ]; then selection=(); shift; fi
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
.venv/bin/vulture
.venv/bin/oxlint client tests
for program in model_repo/*/1/model.py scripts/server/{backends/onnxruntime,gpu_models/fbank/1}/model.py; do .venv/bin/mypy "$program"; done
# What runs in NVIDIA's image, whose Python is 3.10. Without our settings mypy also reports an import of something that these
# two may not need: all but the standard library and psutil.
MYPYPATH=scripts .venv/bin/mypy --config-file= --explicit-package-bases --python-version 3.10 scripts/server/serve.py scripts/server/readiness.py
.venv/bin/mypy --python-version 3.10 model_repo/run/1/diarization
for program in scripts/server/{proxy,gpu_models/fbank/1/model}.py model_repo/*/1/model.py; do .venv/bin/mypy --python-version 3.10 "$program"; done
# gRPC's own handlers for forks now and then abort a child before it becomes the server that a test starts.
export GRPC_ENABLE_FORK_SUPPORT=0
# As in the server: threads that wait for each other take the cores from the other test process.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
# The same nets on every machine; bfloat16 has tests of its own.
export DIARIZATION_PRECISION=fp32
# A test process per core. A file is tested as a whole on one of them, or its servers would start on each; in the order of the
# tree, so that the short units at the end even out who has more to do.
.venv/bin/python -m pytest -n auto --dist loadfile --no-loadscope-reorder "${selection[@]}" "$@"
