"""The phases of `scripts/measure/soak.py`, their requests, and the report."""
