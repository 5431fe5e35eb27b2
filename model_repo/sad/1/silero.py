"""Silero's SAD over whole stretches of audio: exact, and many times faster than frame by frame.

Silero (v5, v6) computes each frame of 512 samples from that frame and the 64 samples before it,
with a convolutional encoder that has no memory, and only then runs an LSTM cell over the frames. So
all frames are encoded as one batch, and the recurrent part is one LSTM call over the sequence: the
same numbers as 31 calls per second, up to rounding (1e-5).
"""

import torch
from torch import Tensor, nn

FRAME_SAMPLES = 512
CONTEXT_SAMPLES = 64
HIDDEN_SIZE = 128
STATE_SIZE = 2 * HIDDEN_SIZE + CONTEXT_SAMPLES
FRAMES_AT_ONCE = 1024  # fewer are slower, more take memory


class SileroSequence(nn.Module):
    """Silero's 16 kHz network evaluated on sequences.

    Parameters
    ----------
    silero
        The TorchScript module of `silero_vad.jit`.
    """

    def __init__(self, silero: torch.jit.ScriptModule) -> None:
        super().__init__()
        self.network = silero._model
        cell = self.network.decoder.rnn
        self.lstm = nn.LSTM(HIDDEN_SIZE, HIDDEN_SIZE, batch_first=True)
        self.lstm.load_state_dict(
            {f"{name}_l0": value for name, value in cell.state_dict().items()}
        )
        self.requires_grad_(False).eval()

    def forward(self, samples: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Probability of speech for every frame.

        Parameters
        ----------
        samples
            shape=(n_streams, n_samples), float32 at 16 kHz; a last partial frame is padded with
            zeros.
        state
            shape=(n_streams, 320), what this function returned for the samples before; None at the
            start.

        Returns
        -------
        probs, next_state
            shape=(n_streams, ceil(n_samples / 512)) and (n_streams, 320). `next_state` continues
            the stream only if n_samples was a multiple of 512.

        Raises
        ------
        ValueError
            If the shapes do not fit.
        """
        n_streams = samples.shape[0]
        if state is None:
            state = samples.new_zeros(n_streams, STATE_SIZE)
        if samples.ndim != 2 or state.shape != (n_streams, STATE_SIZE):  # noqa: PLR2004
            raise ValueError(
                f"sad: got samples {list(samples.shape)} and state {list(state.shape)}, "
                f"expected [streams, samples] and [streams, {STATE_SIZE}]"
            )
        if samples.numel() == 0:
            return samples.new_zeros(n_streams, 0), state
        hidden, cell, context = state.split([HIDDEN_SIZE, HIDDEN_SIZE, CONTEXT_SAMPLES], dim=1)
        padding = samples.new_zeros(n_streams, -samples.shape[1] % FRAME_SAMPLES)
        audio = torch.cat([context, samples, padding], dim=1)
        outputs, (hidden, cell) = self.lstm(
            self._encode(audio), (hidden[None].contiguous(), cell[None].contiguous())
        )
        probs = self.network.decoder.decoder(outputs.flatten(0, 1)[:, :, None])
        next_state = torch.cat([hidden[0], cell[0], audio[:, -CONTEXT_SAMPLES:]], dim=1)
        return probs.reshape(n_streams, -1), next_state

    def _encode(self, audio: Tensor) -> Tensor:
        """Encode context and frames, (n_streams, 64 + 512 n) -> (n_streams, n, 128)."""
        frames = audio.unfold(1, CONTEXT_SAMPLES + FRAME_SAMPLES, FRAME_SAMPLES)
        pieces = frames.flatten(0, 1).split(FRAMES_AT_ONCE)
        encoded = [
            self.network.encoder(self.network.run_extractors(piece))[:, :, 0] for piece in pieces
        ]
        return torch.cat(encoded).reshape(audio.shape[0], -1, HIDDEN_SIZE)
