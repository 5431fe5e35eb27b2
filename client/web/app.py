"""Serve REST and the web page in front of a running Triton server; --help tells the options."""

import sys
from pathlib import Path

# This folder's place is taken by the one above: that of the client's modules and of this package.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from web.serving import main  # noqa: E402  after the path it needs

if __name__ == "__main__":
    sys.exit(main())
