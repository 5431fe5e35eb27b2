"""How right and how prompt live turns are: what `scripts/measure/measure_live.py` consists of.

streaming: recordings as sessions. turns: what their events say. accuracy: what was right of it.
peer: the same of another program. senko_session: senko as one. load: many sessions at once. page:
tables and the picture.
"""
