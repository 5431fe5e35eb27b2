"""Load from NVIDIA's perf_analyzer: everything behind `scripts/measure/perf_analyzer.py`.

Read in this order: tool, series, page.
"""
