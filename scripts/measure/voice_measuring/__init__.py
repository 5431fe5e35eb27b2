"""How surely voices are told apart: everything behind `scripts/measure/measure_voices.py`.

Read in this order: people, excerpts, hearing, trials, naming_trials, tables, page. The client's
modules (sending, enrolment, matching, linking) are used as they are.
"""
