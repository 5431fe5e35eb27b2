#!/usr/bin/env bash
# Everything that a machine with an NVIDIA GPU has to show, in one command: set up, check the nets, measure, write docs/benchmark-gpu.md.
#
#   scripts/measure/benchmark_gpu.sh [--rehearse]
#
# --rehearse runs all steps on any machine, shortened, and writes only to output/benchmark-gpu-rehearsal. Exit status 1: a check or a
# recording failed, the page is written all the same.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
python=$root/.venv/bin/python
instead="--rehearse tries all steps without one"

fail() { printf 'benchmark_gpu: %s\n' "$1" >&2; exit "${2:-1}"; }

case ${1:-} in
--rehearse)
    output=$root/output/benchmark-gpu-rehearsal
    page=$output/benchmark-gpu.md
    setup=(--if-needed)
    measured=(--lengths 30 --repeats 1 --clients 1 2 --requests 1)
    ;;
"")
    command -v nvidia-smi >/dev/null || fail "got no nvidia-smi, expected NVIDIA's driver and a GPU; $instead"
    cards=$(nvidia-smi --query-gpu=name --format=csv,noheader 2>&1) && [ -n "$cards" ] ||
        fail "nvidia-smi: got '${cards:-no card}', expected the name of a GPU; $instead"
    output=$root/output/benchmark-gpu
    page=$root/docs/benchmark-gpu.md
    setup=(--gpu)
    measured=(--lengths 30 600 3600 --clients 1 8 16 --docs)
    ;;
*) fail "got '$1'; usage: scripts/measure/benchmark_gpu.sh [--rehearse]" 2 ;;
esac

"$root/scripts/setup.sh" "${setup[@]}"
"$python" -c 'import matplotlib' 2>/dev/null ||
    "$python" -m pip install --quiet "$(grep -o '^matplotlib==[^ ]*' "$root/requirements-dev.txt")"
mkdir -p "$output"
status=0
"$python" "$root/scripts/measure/conform.py" --model_config gpu >"$output/conform.md" || status=$?
cat "$output/conform.md"
[ "$status" -le 1 ] || exit "$status"
"$python" "$root/scripts/measure/benchmark.py" --model_config gpu --page benchmark-gpu --output "$output" "${measured[@]}" || status=$?
[ "$status" -le 1 ] || exit "$status"
{ printf '\n## Conformance\n\nWritten by `python scripts/measure/conform.py`.\n\n'; cat "$output/conform.md"; } >>"$page"
printf 'benchmark_gpu: written: %s\n' "$page"
exit "$status"
