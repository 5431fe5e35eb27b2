"""How right and how prompt live turns are: what `scripts/measure/measure_live.py` consists of.

streaming: recordings as sessions. turns: what their events say. accuracy: what was right of it.
load: many sessions at once. page: tables and the picture.
"""
