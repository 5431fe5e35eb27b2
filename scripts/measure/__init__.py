"""Programs that measure: accuracy, speed, reliability."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "model_repo" / "run" / "1"))
