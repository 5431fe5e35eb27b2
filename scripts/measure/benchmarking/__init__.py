"""The parts of `scripts/measure/benchmark.py`: recordings, runs, clients, and the report."""
