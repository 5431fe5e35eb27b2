"""Keeps gRPC's own log off the terminal: what went wrong reaches the user as one sentence.

gRPC reads this setting when it is imported, so this module must come first. Whoever sets
GRPC_VERBOSITY gets the log.
"""

import os

os.environ.setdefault("GRPC_VERBOSITY", "NONE")
