#!/usr/bin/env bash
# Set up everything the service needs on this machine, without root: .venv with pinned packages and Triton's binaries, the
# models, md-eval.pl and a sample recording. Run it as often as you like; what is there already is kept.
#
#   scripts/setup.sh [--web | --corpus | --dev] [--gpu] [--if-needed] [-- COMMAND ...]
#
# --web adds what the web page and the REST endpoint need, --corpus Ray, --dev both and what the tests need. --gpu takes the builds for NVIDIA's
# GPUs; .venv keeps them from then on, until it is removed. --if-needed does nothing where an earlier set-up finished. With a COMMAND
# this process becomes that command at the end. PYTHON=/path/to/python chooses the interpreter (3.11 or 3.12).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
torch_index=https://download.pytorch.org/whl/cpu
pytriton=nvidia-pytriton==0.7.0

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# Every long step runs as a process group of its own, so that Ctrl-C or SIGTERM to this script stops all of it at once.
child=
run() { set -m; "$@" </dev/null & child=$!; set +m; wait "$child"; }
stop() {
    trap - INT TERM
    if [ -n "$child" ] && kill -TERM -- "-$child" 2>/dev/null; then wait "$child" || true; fi
    exit "$1"
}
trap 'stop 130' INT
trap 'stop 143' TERM

check_machine() {
    case $root in *[[:space:]]*) fail "Triton cannot start from a path with white space: $root" ;; esac
    [ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] ||
        fail "this is $(uname -s) on $(uname -m); Triton's binaries need Linux on x86_64"
    local glibc
    glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | cut -d' ' -f2) || true
    [ -n "$glibc" ] || fail "no glibc here (musl?); Triton's binaries need glibc 2.35 or newer"
    [ "$(printf '%s\n' 2.35 "$glibc" | sort -V | head -n1)" = 2.35 ] ||
        fail "glibc is $glibc; Triton's binaries need 2.35 or newer (Debian 12, Ubuntu 22.04, ...)"
    command -v perl >/dev/null || fail "perl is missing; md-eval.pl needs it (Debian, Ubuntu: apt-get install perl)"
}

# Prints why an interpreter will not do, or nothing.
python_problem() {
    "$1" -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null ||
        { echo "not Python 3.11 or 3.12"; return; }
    "$1" -c 'import venv, ensurepip' 2>/dev/null ||
        { echo "no venv module (Debian, Ubuntu: apt-get install python3-venv)"; return; }
    PYTHONDONTWRITEBYTECODE=1 "$1" "$root/scripts/server/launcher.py" --check-libpython 2>&1 || true
}

find_python() {
    local candidate problem reasons=
    local candidates=(python3.11 python3.12 python3)
    [ -z "${PYTHON:-}" ] || candidates=("$PYTHON")
    for candidate in "${candidates[@]}"; do
        command -v "$candidate" >/dev/null || continue
        problem=$(python_problem "$candidate")
        [ -n "$problem" ] || { command -v "$candidate"; return; }
        reasons="$reasons; $candidate: $problem"
    done
    fail "no suitable Python found: ${reasons:+${reasons#; }; }Python 3.11 or 3.12 is needed (PYTHON=/path/to/python chooses one)"
}

make_venv() {
    if "$venv/bin/python" -m pip --version >/dev/null 2>&1; then return; fi
    local python
    python=$(find_python)
    say "making .venv with $python ($("$python" -V))"
    run "$python" -m venv --clear "$venv" || fail "$python could not make a virtual environment in $venv"
}

pip_install() { run "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@" >>"$venv/pip.log" 2>&1; }

# PyPI's torch for Linux is a CUDA build of several GB. The CPU build, marked "+cpu", comes from wherever pip is set up to
# look, else from PyTorch's own index; PyPI's build is the last resort.
install_torch() {
    local torch
    torch=$(grep -o '^torch==[^ ]*' "$root/requirements.txt")
    say "installing $torch, CPU build"
    pip_install "$torch+cpu" && return
    pip_install "$torch+cpu" --extra-index-url "$torch_index" --retries 1 --timeout 20 && return
    say "no CPU build of $torch can be reached; taking the default one, which may be a CUDA build of several GB"
    pip_install "$torch"
}

# Its files lie where those of onnxruntime-gpu will.
remove_onnxruntime() { run "$venv/bin/python" -m pip uninstall --quiet --yes onnxruntime >>"$venv/pip.log" 2>&1; }

install_packages() {
    local stamp=$venv/.packages wanted requirements=("$root/requirements$gpu.txt")
    [ -z "$extra" ] || requirements+=("$root/requirements$extra.txt")
    wanted=$(cat "$root"/requirements*.txt "${BASH_SOURCE[0]}" | sha256sum | cut -d' ' -f1)$gpu$extra
    case $(cat "$stamp" 2>/dev/null) in
    "$wanted" | "${wanted%-web}-dev" | "${wanted%-corpus}-dev" | "$wanted-web" | "$wanted-corpus") say "packages: up to date"; return ;;
    esac
    : >"$venv/pip.log"
    echo "unfinished$gpu" >"$stamp"
    if [ -n "$gpu" ]; then say "taking the builds for CUDA, several GB"; remove_onnxruntime; else install_torch; fi &&
        { say "installing packages: $(basename -a "${requirements[@]}" | paste -sd' ')"; pip_install "${requirements[@]/#/-r}"; } &&
        { say "installing $pytriton (Triton's binaries, without its dependencies)"; pip_install --no-deps "$pytriton"; } ||
        fail "pip failed, perhaps for want of a network; it said: $(grep '^ERROR' "$venv/pip.log" | tail -n 1)"
    echo "$wanted" >"$stamp"
}

# The packages of client/ and scripts/ are importable everywhere in .venv. Not the library of `run`: Triton's Python stub looks here
# before it looks into the model repository that it serves, which may be another one.
install_import_paths() {
    printf '%s\n' "$root"/{client,scripts} \
        >"$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/diarization.pth"
}

install_launcher() {
    printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$venv/bin/python" "$root/scripts/server/launcher.py" >"$venv/bin/tritonserver"
    chmod +x "$venv/bin/tritonserver"
}

fetch_files() {
    run "$venv/bin/python" "$root/scripts/setup/prepare_models.py" --int8 || exit 1
    local names=(md-eval sample)
    [ "$extra" != -dev ] || names+=(helm)
    run "$venv/bin/python" "$root/scripts/setup/fetch.py" "${names[@]}" || exit 1
}

extra= gpu= if_needed=
while [ $# -gt 0 ]; do
    case $1 in
    --web) extra=-web ;;
    --corpus) extra=-corpus ;;
    --dev) extra=-dev ;;
    --gpu) gpu=-gpu ;;
    --if-needed) if_needed=1 ;;
    --) shift; break ;;
    *) fail "unknown option '$1'; usage: scripts/setup.sh [--web | --corpus | --dev] [--gpu] [--if-needed] [-- COMMAND ...]" ;;
    esac
    shift
done

installed=$(cat "$venv/.packages" 2>/dev/null) || true

# Whether an earlier set-up finished and nothing that decides what is installed has changed since.
is_ready() {
    local source
    [ -e "$venv/.ready" ] || return 1
    case $installed in *"$gpu"*) ;; *) return 1 ;; esac
    if [ -n "$extra" ]; then
        case $installed in *"$extra" | *-dev) ;; *) return 1 ;; esac
    fi
    for source in "$root"/requirements*.txt "$root"/external_tools/artifacts.toml "$root"/scripts/{setup.sh,setup/networks/*.py}; do
        [ ! "$source" -nt "$venv/.ready" ] || return 1
    done
}

if [ -z "$if_needed" ] || ! is_ready; then
    check_machine
    case $installed in *-gpu*) gpu=-gpu ;; esac
    make_venv
    rm -f "$venv/.ready"
    install_packages
    install_import_paths
    install_launcher
    fetch_files
    touch "$venv/.ready"
    say "done"
fi
if [ $# -gt 0 ]; then exec "$@"; fi
