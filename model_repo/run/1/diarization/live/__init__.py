"""Live diarization: audio arrives while people speak, and turns leave a moment later.

`session.Session` is the pipeline: it hears a piece of audio, and reports `events`. Its networks are
asked for all sessions at once (`calls`). `records` keep what the result needs, which is that of the
full mode on the finished recording (`result`).
"""
