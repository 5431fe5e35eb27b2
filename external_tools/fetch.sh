#!/usr/bin/env bash
# Fetch third-party files without root: ./external_tools/fetch.sh [NAME... | --list], default md-eval.
set -euo pipefail
project="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
python="$project/.venv/bin/python"
[ -x "$python" ] || python=python3
if ! "$python" -c 'import tomllib' 2>/dev/null; then
    echo "error: Python 3.11 or newer is needed, in .venv (run scripts/setup.sh) or as python3" >&2
    exit 1
fi
[ $# -gt 0 ] || set -- md-eval
exec env PYTHONPATH="$project/scripts" "$python" "$project/scripts/setup/fetch.py" "$@"
