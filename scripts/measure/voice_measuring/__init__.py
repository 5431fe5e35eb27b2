"""How reliably voices are recognized: what `scripts/measure/measure_voices.py` consists of.

excerpts: pieces of recordings. hearing: what the service finds in them. trials: pairs of voices.
page: the tables.
"""
