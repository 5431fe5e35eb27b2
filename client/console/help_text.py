"""The texts of --help above and below the options, within 100 columns."""

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
      a list; results of an earlier run are kept; all are scored (DER)
  python client.py --audio_file talk.wav --voices voices.db
      people enrolled by enroll.py get their names
  python client.py --wavscp wav.scp --output_directory out --dry_run
      what that would send and write, and what would fail
  cat talk.wav | python client.py --audio_file - --json | python -m json.tool --json-lines
      from a pipe to a pipe, one JSON document per recording
"""

EPILOG = """\
Without --output_directory the RTTM lines go to standard output, one recording after another, in
order of completion, or the text of one other --format: for a list only rttm, json and uem, whose
texts can be joined. Everything else goes to standard error: on a terminal a bar in hours of audio,
where ~ marks an estimate, and a summary; elsewhere plain lines. NO_COLOR is respected.

--json prints a line per recording as it ends: the document of --format json, or the recording_id
and error of a failed one; then, with --reference, a line of scores.

exit codes:
  0    every recording was diarized (and, with --reference, scored)
  1    some recordings failed, the service cannot be reached or refuses access, there is no score,
       or the voices are of another speaker network than the service's
  2    wrong usage, a wrong list, or files that cannot be read or written: nothing was sent
  130  interrupted by Ctrl-C (with --stream by a second one): what had finished is written, the
       joined rttm is not

--audio_file finds in a folder the files with an audio file's ending, with a quoted pattern every
file it matches (** goes through folders). Two files with one id are refused.

wav.scp holds lines of '<recording id> <path>'. Paths may hold spaces; blank lines and lines that
start with # are skipped; Kaldi pipes are refused. A recording id has no white space, control
character, direction mark, zero-width space or '/', and at most 250 bytes.

A recording that fails because the server is down, restarting or full, because a model's process
died or the connection broke, is sent again, at growing intervals of up to 10 s, until --retry_for
is over; other failures are not. A server that is down at the start ends the run at once.

Files of --format: rttm_<id> (always, for scores and the joined rttm), <id>.json, <id>.srt,
<id>.vtt, <id>.TextGrid (Praat), <id>.audacity.txt (labels), <id>.csv, <id>.uem (NIST). Ids that
start with rttm, or are too long for a file name with their ending, are then refused.

--report makes <id>.html, which is self-contained, sound included: 20 to 33 MB an hour, a third more
as text. It needs no network.

--resume keeps complete results of the same audio, settings, and networks of the service, and makes
only the others. What they were made of is in .resume.jsonl in the output directory. A result that
was cut or changed, or is outdated, is made again, with a warning. Files without an entry there, as
an older client wrote them, are kept with a warning if their RTTM is valid. A failed recording has
no file, so the same command with --resume tries it again.

--voices names enrolled people in all files, with --stream while they speak, too; the run ends if
they were enrolled with another speaker network than the service's. --link_speakers writes every
file first with the recording's own names, and again at the end. What it needs for --resume is in
.link.db in the output directory, which holds voices: personal data, mode 0600.

--header, e.g. 'triton-grpc-protocol-<key>: <value>' for a server with --grpc-restricted-protocol,
is sent with every call. Other users can see command lines: @FILE keeps a key out of them.

--stream sends audio as it is spoken to the model stream, and prints every turn once it is final,
and who turns out to be whom: to standard output with --output_directory, else to standard error.
The end of the file or Ctrl-C ends the recording; its result is then written like any other's.

md-eval.pl is looked for in --md_eval, $MD_EVAL, external_tools/ of this project, PATH and
/usr/lib/sctk/bin. A failed recording scores as missed; one without reference is left out.
"""
