#!/bin/sh
# Entry point of the server's container: run the given command; without one a shell if there is a terminal, as in upstream's
# README; else the supervised server, with the given flags.
#
#   docker run -it IMAGE                                             a shell, for: tritonserver --model-repository=...
#   docker run IMAGE [--FLAG...]                                     scripts/server/serve.py on all interfaces of the container
#   docker run IMAGE COMMAND [ARGUMENT...]                           that command
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
case ${1:-} in
-*) ;;
'') if [ -t 0 ]; then exec bash; fi ;;
*) exec "$@" ;;
esac
exec python3 "$here/scripts/server/serve.py" --log=- \
    --http-address=0.0.0.0 --grpc-address=0.0.0.0 --metrics-address=0.0.0.0 "$@"
