"""A corpus of recordings on a Ray cluster: manifest in, RTTM and tables out.

`manifest` says what there is, `workers` diarize it wherever Ray puts them, `journal` keeps every
result once, `outputs` writes the files that are made from it, `identities` finds one voice again.
"""
