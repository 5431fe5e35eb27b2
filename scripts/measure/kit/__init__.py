"""What the measuring programs share.

program: options and exit codes. own_server: a server for the time of a measurement. sending: where
recordings are sent. corpus: sets of recordings with references. provenance: what figures depend on.
turns: arithmetic on turns. report: Markdown tables and files.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
