#!/usr/bin/env bash
# Build TensorRT engines of the speaker and the segmentation model for this machine's GPU: 1/model.onnx of each becomes
# 1/model.plan, which `tritonserver --model-config-name=tensorrt` serves. An engine works only with the kind of GPU and the version of
# TensorRT that built it.
#
#   scripts/setup/export_tensorrt.sh [--fp16] [--dry-run] [--image IMAGE] [--model_repo DIR]
#
# --fp16 allows half precision. --dry-run only prints the commands. trtexec runs in IMAGE, whose TensorRT is that of the server's
# image; an installed trtexec, as within such a container, is preferred. GPUS (default device=0) goes to `docker run`.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
image=nvcr.io/nvidia/tensorrt:24.10-py3
model_repo=$root/model_repo
here=/usr/src/tensorrt/bin/trtexec
# batch x frames x mel bins: windows of 0.5 to 3 s in batches of up to max_batch_size. Windows have 98 frames in mode full, 148 in
# classic.
speaker_shapes=(--minShapes=feats:1x50x80 --optShapes=feats:256x98x80 --maxShapes=feats:256x300x80)
# batch x channels x samples: chunks of 10 s.
segmentation_shapes=(--minShapes=wav:1x1x160000 --optShapes=wav:32x1x160000 --maxShapes=wav:32x1x160000)
options=()
dry_run=

fail() { printf 'export_tensorrt: %s\n' "$1" >&2; exit "${2:-1}"; }
usage() { fail "$1; usage: scripts/setup/export_tensorrt.sh [--fp16] [--dry-run] [--image IMAGE] [--model_repo DIR]" 2; }

while [ $# -gt 0 ]; do
    case $1 in
    --fp16) options+=(--fp16) ;;
    --dry-run) dry_run=1 ;;
    --image=* | --model_repo=*) set -- "${1%%=*}" "${1#*=}" "${@:2}"; continue ;;
    --image) [ -n "${2:-}" ] || usage "--image needs an image"; image=$2; shift ;;
    --model_repo) [ -n "${2:-}" ] || usage "--model_repo needs a folder"; model_repo=$2; shift ;;
    *) usage "unknown option '$1'" ;;
    esac
    shift
done

# Build the engine of a model; the arguments after its name are its shapes.
build() {
    local folder=$model_repo/$1/1 part=.part-model.plan trtexec inside command
    [ -f "$folder/model.onnx" ] || fail "$folder/model.onnx is missing; run scripts/setup/prepare_models.py"
    folder=$(cd "$folder" && pwd)
    if trtexec=$(command -v trtexec) || { [ -x "$here" ] && trtexec=$here; }; then
        command=("$trtexec") inside=$folder
    else
        command=(docker run --rm --gpus "${GPUS:-device=0}" --user "$(id -u):$(id -g)" -v "$folder:/model" "$image" trtexec) inside=/model
    fi
    command+=("--onnx=$inside/model.onnx" "--saveEngine=$inside/$part" "${@:2}" "${options[@]}")

    printf '%q ' "${command[@]}"
    echo
    [ -z "$dry_run" ] || return 0
    command -v "${command[0]}" >/dev/null || fail "neither trtexec nor docker found; run it on the machine with the GPU"
    unfinished=$folder/$part
    "${command[@]}" || fail "no engine of $1 was built; an earlier one is unchanged"
    [ -s "$folder/$part" ] || fail "trtexec wrote no engine of $1; an earlier one is unchanged"
    mv "$folder/$part" "$folder/model.plan"
    echo "$folder/model.plan: serve it with --model-config-name=tensorrt"
}

unfinished=
trap '[ -z "$unfinished" ] || rm -f "$unfinished"' EXIT
build speaker_model "${speaker_shapes[@]}"
build segmentation "${segmentation_shapes[@]}"
