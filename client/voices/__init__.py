"""Names for voices: who is enrolled, who in an answer is who, and one name for one voice in a run.

Read in this order: voice, names, database, store (what is enrolled), speakers (of one answer),
matching, known (who is who), linking (one voice, one name), link_memory (for --resume), naming (the
step that an answer passes through), enrolling, asking (what enroll.py keeps).
"""
