"""How accurate and how fast the service is: what `scripts/measure/evaluate.py` consists of.

running: a set is sent and scored. results: the figures. report: JSON and the folder of files. page:
the Markdown report. compare: changes since an earlier run. pictures: timelines, length.
"""
