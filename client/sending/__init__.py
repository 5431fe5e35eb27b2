"""Send recordings to the service, and take its answers."""

import os

# gRPC reads this once, when it is imported; its own log would only repeat what our messages say.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
