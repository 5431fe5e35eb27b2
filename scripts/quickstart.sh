#!/usr/bin/env bash
# Set up what is missing, start Triton, diarize a real recording, print its RTTM and DER, stop Triton.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
exec "$root/scripts/setup.sh" -- "$root/.venv/bin/python" "$root/scripts/server/quickstart.py"
