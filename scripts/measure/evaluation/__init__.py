"""How accurate and how fast the service is: everything behind `scripts/measure/evaluate.py`.

Read in this order: command_line, sets, sending, rttm_turns, speaker_counts, results, provenance,
report, compare, tables, markdown, timeline_picture, length_picture, output. The client's modules
(sending, md-eval) are used as they are.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
