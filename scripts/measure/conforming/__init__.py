"""The parts of `scripts/measure/conform.py`: what the nets should answer, and the checks."""
