"""How fast and how lean the service is: everything behind `scripts/measure/benchmark.py`.

Read in this order: command_line, audio, memory, spread, runs, asking, floor, peer, lengths,
batch_sizes, clients, trade, origin, results, tables, report, plots, output. Modules of evaluate.py,
of the client, of the library and of the embedded server are used as they are.
"""

from measure.kit import ROOT

LIBRARY = ROOT / "model_repo" / "run" / "1"
