"""Recordings: which ones to send, and their bytes."""
