"""Speaker diarization: functions on numpy arrays, without Triton or files.

Start with `pipeline`: both modes step by step, and the order to read the other modules in. Around
it, `recording` (with `audio` and `channels`) provides the samples, `options` and `request` hold and
check what can be set, `turns` is the result. Only `bls`, which calls the neural networks of the
same server, and `metrics`, which counts for Prometheus, need Triton; only `drain_lock` uses a file.
"""
