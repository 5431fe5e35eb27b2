"""Answers as text: RTTM and other formats, files, standard output."""
