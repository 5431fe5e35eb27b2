"""Steps of the full mode alone: it decides frame by frame who talks, overlap included."""
