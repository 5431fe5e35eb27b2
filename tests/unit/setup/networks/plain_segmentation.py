"""The segmentation network by plain formulas in numpy, frame by frame: slow, and easy to check."""

from __future__ import annotations

import numpy as np


def normalised(x, norm):
    x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
    return x * norm.weight.numpy()[:, np.newaxis] + norm.bias.numpy()[:, np.newaxis]


def convolved(x, layer, stride=1):
    w = layer.weight.numpy()
    starts = range(0, x.shape[1] - w.shape[2] + 1, stride)
    y = np.stack([np.tensordot(w, x[:, s : s + w.shape[2]], 2) for s in starts], axis=1)
    return y if layer.bias is None else y + layer.bias.numpy()[:, np.newaxis]


def leaky(x):
    return np.where(x > 0, x, 0.01 * x)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def one_direction(x, lstm, suffix):
    """The recurrence of one LSTM layer, frame by frame; x (frames, n)."""
    w_x, w_h, b_x, b_h = (
        getattr(lstm, f"{name}_{suffix}").numpy()
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    h = c = np.zeros(w_h.shape[1])
    rows = []
    for frame in x:
        i, f, g, o = np.split(w_x @ frame + b_x + w_h @ h + b_h, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        rows.append(h)
    return np.stack(rows)


def by_plain_formulas(net, wav):
    x = normalised(wav.astype(np.float64), net.sincnet.wav_norm1d)
    for i, (layer, norm) in enumerate(zip(net.sincnet.conv1d, net.sincnet.norm1d, strict=True)):
        x = convolved(x, layer, stride=10 if i == 0 else 1)
        x = np.abs(x) if i == 0 else x
        n_frames = x.shape[1] // 3
        x = x[:, : 3 * n_frames].reshape(len(x), n_frames, 3).max(2)
        x = leaky(normalised(x, norm))
    x = x.T
    for k in range(4):
        forward = one_direction(x, net.lstm, f"l{k}")
        backward = one_direction(x[::-1], net.lstm, f"l{k}_reverse")[::-1]
        x = np.concatenate([forward, backward], axis=1)
    for layer in net.linear:
        x = leaky(x @ layer.weight.numpy().T + layer.bias.numpy())
    x = x @ net.classifier.weight.numpy().T + net.classifier.bias.numpy()
    return x - np.log(np.exp(x).sum(1, keepdims=True))
