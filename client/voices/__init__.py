"""Names for voices: enrolment, recognition of enrolled people, and linking across recordings.

Read in this order: `voice`, `database`, `store` (what is enrolled), `speakers` (of one answer),
`matching` (who is who), `linking` (one voice, one name in many recordings), `naming` (the step that
an answer passes through), `enrolling` (what enroll.py keeps).
"""
