"""That no bad client hurts another, and nothing is lost: everything behind `scripts/soak.py`.

Read in this order: audio, files, bombs, asking, verdicts, answered, refused, cases, inputs. Modules
of benchmark.py, of evaluate.py, of the client and of the library are used as they are.
"""

import benchmarking  # noqa: F401 - makes the modules of client and library importable
