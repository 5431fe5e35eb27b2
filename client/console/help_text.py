"""What --help tells above and below the options, within 100 columns."""

DESCRIPTION = """\
Send recordings to the diarization service; get who spoke when, as RTTM and more.

examples:
  python client.py --audio_file talk.wav
      who spoke when, as RTTM on standard output
  python client.py --audio_file calls/ --output_directory out --format json,srt
      every audio file of a folder; out/ gets rttm_<id>, <id>.json and <id>.srt
  python client.py --audio_file talk.wav --output_directory out --report
      out/ gets talk.html, too: who spoke when, to look at and to listen to
  python client.py --wavscp wav.scp --output_directory out --resume --reference ref.rttm
      a list; what an earlier run has finished is kept; all is scored (DER)
  python client.py --audio_file talk.wav --voices voices.db
      people whom enroll.py has enrolled have their names
  python client.py --wavscp wav.scp --output_directory out --dry_run
      what that would send and write, and what would go wrong
  cat talk.wav | python client.py --audio_file - --json | python -m json.tool --json-lines
      from a pipe to a pipe, one JSON document per recording
"""

EPILOG = """\
Without --output_directory the RTTM lines go to standard output, a recording at a time, in order
of completion, or those of one other --format: of a list only rttm, json and uem, whose texts can
follow each other. Everything else goes to standard error: at a terminal a bar in hours of audio,
where ~ marks what is guessed, and a summary; elsewhere plain lines. NO_COLOR is respected.

--json prints a line per recording as it ends: the document of --format json, or the recording_id
and error of one that failed; then a line of scores, where --reference is given.

exit codes:
  0    every recording was diarized (and scored, where --reference is given)
  1    some recordings failed, the service cannot be reached or refuses access, there is no score,
       or the voices are of another speaker network than the service's
  2    wrong usage, a wrong list, or files that cannot be read or written: nothing was sent
  130  interrupted by Ctrl-C: what had finished is written, the joined rttm is not

--audio_file takes of a folder the files in it that have an audio file's ending, of a quoted pattern
every file it matches (** goes through folders). Two files of one id are refused.

wav.scp holds lines of '<recording id> <path>'. Paths may hold spaces; blank lines and lines that
start with # are skipped; Kaldi pipes are refused. A recording id has no white space, control
character, direction mark, zero-width space or '/', and at most 250 bytes.

A recording that fails because the server is down, restarting or full, because a model's process
died or the connection broke, is sent again, at growing intervals of up to 10 s, until --retry_for
is over; no other failure is. A server that is not there at the start ends the run at once.

Files of --format: rttm_<id> (always, for scores and the joined rttm), <id>.json, <id>.srt,
<id>.vtt, <id>.TextGrid (Praat), <id>.audacity.txt (labels), <id>.csv, <id>.uem (NIST). Ids that
start with rttm, or with their ending are longer than file names may be, are refused then.

--report makes <id>.html, which holds all it needs, the sound too: 20 to 33 MB an hour, a third more
as text. No network is asked when it is opened.

--resume keeps the results that are there whole and are of the same audio, settings, and networks of
the service, and asks for the others only. What made them is noted in the output directory, in
.resume.jsonl. A result that is cut or changed, or of another making, is made again, and that is
told. Files without a note, as an older client left them, are kept with a warning if their RTTM
reads back. A failed recording has no file, so the same line with --resume tries it again.

--voices names who is enrolled, in all files; where the service's speaker network is not the one
that they were enrolled with, the run ends. --link_speakers writes every file at once with the names
that the recording has alone, and again at the end. What it needs for --resume is in the output
directory, in .link.db, which holds voices: personal data, mode 0600.

--header, e.g. 'triton-grpc-protocol-<key>: <value>' for a server with --grpc-restricted-protocol,
goes with every call. Other users can see command lines: @FILE keeps a key out of them.

md-eval.pl is taken from --md_eval, else $MD_EVAL, else external_tools/ of this project, else PATH,
else /usr/lib/sctk/bin. A failed recording scores as missed; one without reference is left out.
"""
