#!/bin/sh
# Entry point of the client's container: run the command as the owner of client/, so that files in a mounted folder belong to its
# owner and not to root. A container that was not started as root keeps its user.
set -eu
if [ "$(id -u)" = 0 ]; then
    here=$(cd "$(dirname "$0")/.." && pwd)
    user=$(stat -c %u "$here/client")
    group=$(stat -c %g "$here/client")
    export HOME=/tmp
    exec setpriv --reuid="$user" --regid="$group" --clear-groups --no-new-privs "$@"
fi
exec "$@"
