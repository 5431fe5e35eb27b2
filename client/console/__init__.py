"""Command lines, progress, summaries."""
