"""Speaker diarization: pure functions on numpy arrays, no Triton, no files.

Read in pipeline order: `audio` -> `sad` -> `windows` -> `fbank` -> `clustering` (`spectral`) ->
`turns` -> `rttm`; `pipeline.diarize` is that order on one screen. `channels` tells which of a
recording's channels are listened to and joins what was found in each. `config` holds the options,
`request` checks what a client asks for, `bls` calls the neural networks in the same server and
`metrics` counts for Prometheus: those two alone need Triton. `door` alone knows a file.
"""
