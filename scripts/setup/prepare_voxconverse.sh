#!/usr/bin/env bash
# Fetch VoxConverse's dev or test set and lay it out for the client. `scripts/setup/prepare_voxconverse.sh --help` tells the options.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
exec "$root/scripts/setup.sh" --if-needed -- "$root/.venv/bin/python" "$root/scripts/setup/prepare_voxconverse.py" "$@"
