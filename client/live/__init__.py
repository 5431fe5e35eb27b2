"""Live diarization: audio as it comes, turns as they end; docs/live.md has the protocol."""
