#!/bin/sh
# What the client's container runs: the given command, as the owner of client/. So what it writes into a mounted folder belongs
# to whoever mounted it, and not to root. Where the container was not started as root it stays who it is.
set -eu
if [ "$(id -u)" = 0 ]; then
    here=$(cd "$(dirname "$0")/.." && pwd)
    user=$(stat -c %u "$here/client")
    group=$(stat -c %g "$here/client")
    export HOME=/tmp
    exec setpriv --reuid="$user" --regid="$group" --clear-groups --no-new-privs "$@"
fi
exec "$@"
