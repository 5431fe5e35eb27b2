"""Serve REST and the web page in front of a running Triton server; --help lists the options."""

import sys
from pathlib import Path

# Not this folder but the one above: it has the client's packages, and this one.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from web.serving import main  # noqa: E402  needs that path

if __name__ == "__main__":
    sys.exit(main())
