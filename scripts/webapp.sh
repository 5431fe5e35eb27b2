#!/usr/bin/env bash
# The web page and REST on this machine, with a server unless --url names one; Ctrl-C stops both. --help lists the flags.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
exec "$root/scripts/setup.sh" --web --if-needed -- "$root/.venv/bin/python" "$root/scripts/server/webapp.py" "$@"
