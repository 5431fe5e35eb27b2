"""Programs that measure: accuracy, speed, reliability."""
