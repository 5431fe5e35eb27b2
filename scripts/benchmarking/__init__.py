"""How fast and how lean the service is: everything behind `scripts/benchmark.py`.

Read in this order: command_line, audio, memory, spread, runs, asking, floor, peer, lengths,
batch_sizes, clients, trade, origin, results, tables, report, plots, output. Modules of evaluate.py,
of the client, of the library and of the embedded server are used as they are; this is the one place
that makes them importable.
"""

import sys

from evaluation import ROOT  # makes the client's modules importable

LIBRARY = ROOT / "model_repo" / "run" / "1"
EMBEDDED = ROOT / "scripts" / "embedded"
sys.path += [str(LIBRARY), str(EMBEDDED)]
