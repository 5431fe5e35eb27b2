#!/usr/bin/env bash
# Serve on this machine, in the foreground; Ctrl-C or SIGTERM stops every process. --help lists the flags.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
exec "$root/scripts/setup.sh" --if-needed -- "$root/.venv/bin/python" "$root/scripts/server/serve.py" "$@"
