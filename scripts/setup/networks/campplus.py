"""CAM++ speaker-embedding network, written from the paper (Wang et al. 2023, arXiv 2303.00332).

A head of 2-D residual convolutions (FCM) shrinks the mel axis by 8; then densely connected
time-delay layers, each gated by a mask computed from its context (CAM); then statistics pooling.
Module names are those of the public checkpoints, so that a checkpoint loads with `strict=True`.

Everything after the head keeps a height-1 axis, (B, C, 1, T): ONNX Runtime runs 2-D convolutions
in a blocked layout, about a tenth faster than 1-D ones. Context pooling is one matrix product
with a small pooling matrix: exact for every length, unlike ceil-mode average pooling, whose last
partial segment ONNX and torch divide differently.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from pathlib import Path

N_MELS = 80
EMBEDDING_SIZE = 192
HEAD_CHANNELS = 32
HEAD_STRIDE = 8  # three convolutions of stride 2 along the mel axis
INITIAL_CHANNELS = 128
GROWTH = 32
BOTTLENECK = 4 * GROWTH
BLOCKS = ((12, 1), (24, 2), (16, 2))  # (layers, dilation) of the three dense blocks
SEGMENT_FRAMES = 100  # context segments, counted after the time stride of 2


def time_conv(n_in: int, n_out: int, kernel: int = 1, *, dilation: int = 1) -> nn.Conv2d:
    """Make a bias-free convolution along time that keeps the number of frames."""
    padding = (0, dilation * (kernel // 2))
    return nn.Conv2d(n_in, n_out, (1, kernel), padding=padding, dilation=(1, dilation), bias=False)


def norm_relu(n_channels: int) -> nn.Sequential:
    """Make batch normalisation followed by a ReLU."""
    return nn.Sequential(
        OrderedDict(batchnorm=nn.BatchNorm2d(n_channels), relu=nn.ReLU(inplace=True))
    )


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with a shortcut; `stride` shrinks the mel axis only."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        n = HEAD_CHANNELS
        self.conv1 = nn.Conv2d(n, n, 3, stride=(stride, 1), padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(n)
        self.conv2 = nn.Conv2d(n, n, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(n)
        self.shortcut = nn.Sequential()
        if stride > 1:
            down = nn.Conv2d(n, n, 1, stride=(stride, 1), bias=False)
            self.shortcut = nn.Sequential(down, nn.BatchNorm2d(n))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 32, F, T) to (B, 32, ceil(F / stride), T)."""
        y = self.bn1(self.conv1(x)).relu()
        out: Tensor = self.bn2(self.conv2(y)) + self.shortcut(x)
        return out.relu()


class Head(nn.Module):
    """Front-end convolution module: features as an image in, channels per frame out."""

    def __init__(self) -> None:
        super().__init__()
        n = HEAD_CHANNELS
        self.conv1 = nn.Conv2d(1, n, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(n)
        self.layer1 = nn.Sequential(ResidualBlock(stride=2), ResidualBlock(stride=1))
        self.layer2 = nn.Sequential(ResidualBlock(stride=2), ResidualBlock(stride=1))
        self.conv2 = nn.Conv2d(n, n, 3, stride=(2, 1), padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(n)

    def forward(self, image: Tensor) -> Tensor:
        """Map (B, 1, 80, T) to (B, 320, 1, T)."""
        x = self.bn1(self.conv1(image)).relu()
        x = self.layer2(self.layer1(x))
        out: Tensor = self.bn2(self.conv2(x)).relu()
        return out.flatten(1, 2).unsqueeze(2)


class StridedTdnn(nn.Module):
    """First time-delay layer: 5 frames of context, every second frame kept."""

    def __init__(self, n_in: int) -> None:
        super().__init__()
        self.linear = nn.Conv2d(
            n_in, INITIAL_CHANNELS, (1, 5), stride=(1, 2), padding=(0, 2), bias=False
        )
        self.nonlinear = norm_relu(INITIAL_CHANNELS)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 320, 1, T) to (B, 128, 1, ceil(T / 2))."""
        y: Tensor = self.nonlinear(self.linear(x))
        return y


def segment_matrices(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the two matrices that pool frames into segments and spread them out again.

    Parameters
    ----------
    x
        Any tensor of shape (..., T).

    Returns
    -------
    pool : (T, S)
        `x @ pool` is each segment's mean plus the mean of all frames, S = ceil(T / 100).
    spread : (S, T)
        `s @ spread` gives each frame the value of its segment.
    """
    frames = torch.arange(x.shape[-1], device=x.device)
    starts = frames[::SEGMENT_FRAMES].unsqueeze(1)
    spread = ((frames >= starts) & (frames < starts + SEGMENT_FRAMES)).to(x.dtype)
    pool = spread / spread.sum(1, keepdim=True) + 1 / spread.sum()
    return pool.transpose(0, 1), spread


class ContextAwareMasking(nn.Module):
    """A local convolution whose output is gated by a mask from segment and global context."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.linear_local = time_conv(BOTTLENECK, GROWTH, 3, dilation=dilation)
        self.linear1 = nn.Conv2d(BOTTLENECK, BOTTLENECK // 2, 1)
        self.linear2 = nn.Conv2d(BOTTLENECK // 2, GROWTH, 1)

    def forward(self, x: Tensor, pool: Tensor, spread: Tensor) -> Tensor:
        """Map (B, 128, 1, T) to (B, 32, 1, T); the mask is computed once per segment."""
        mask = self.linear2(self.linear1(x @ pool).relu()).sigmoid()
        gated: Tensor = self.linear_local(x) * (mask @ spread)
        return gated


class DenseLayer(nn.Module):
    """One layer of a dense block: squeeze to the bottleneck, then a masked convolution."""

    def __init__(self, n_in: int, dilation: int) -> None:
        super().__init__()
        self.nonlinear1 = norm_relu(n_in)
        self.linear1 = time_conv(n_in, BOTTLENECK)
        self.nonlinear2 = norm_relu(BOTTLENECK)
        self.cam_layer = ContextAwareMasking(dilation)

    def forward(self, x: Tensor, pool: Tensor, spread: Tensor) -> Tensor:
        """Map (B, n_in, 1, T) to the block's 32 new channels, (B, 32, 1, T)."""
        squeezed = self.nonlinear2(self.linear1(self.nonlinear1(x)))
        new: Tensor = self.cam_layer(squeezed, pool, spread)
        return new


class DenseBlock(nn.Module):
    """Layers that each see the block's input and all earlier layers' outputs."""

    def __init__(self, n_in: int, n_layers: int, dilation: int) -> None:
        super().__init__()
        for i in range(n_layers):
            self.add_module(f"tdnnd{i + 1}", DenseLayer(n_in + i * GROWTH, dilation))
        self.n_out = n_in + n_layers * GROWTH

    def forward(self, x: Tensor, pool: Tensor, spread: Tensor) -> Tensor:
        """Map (B, n_in, 1, T) to (B, n_in + 32 n_layers, 1, T)."""
        for layer in self.children():
            x = torch.cat((x, layer(x, pool, spread)), dim=1)
        return x


class Transit(nn.Module):
    """Halves the number of channels between dense blocks."""

    def __init__(self, n_in: int) -> None:
        super().__init__()
        self.nonlinear = norm_relu(n_in)
        self.linear = time_conv(n_in, n_in // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, n_in, 1, T) to (B, n_in / 2, 1, T)."""
        y: Tensor = self.linear(self.nonlinear(x))
        return y


def mean_and_std(x: Tensor) -> Tensor:
    """Pool (B, C, 1, T) over time to (B, 2C, 1, 1): mean, unbiased standard deviation.

    One frame alone has deviation 0 (not the NaN of 0 / 0).
    """
    mean = x.mean(-1, keepdim=True)
    n_frames = torch.ones_like(x[:1, :1]).sum(-1, keepdim=True)
    variance = (x - mean).square().sum(-1, keepdim=True) / (n_frames - 1).clamp(min=1)
    return torch.cat((mean, variance.sqrt()), dim=1)


class Embedding(nn.Module):
    """Last projection with a batch normalisation that has no scale and no shift."""

    def __init__(self, n_in: int, embedding_size: int) -> None:
        super().__init__()
        self.linear = time_conv(n_in, embedding_size)
        self.nonlinear = nn.Sequential(
            OrderedDict(batchnorm=nn.BatchNorm2d(embedding_size, affine=False))
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, n_in, 1, 1) to (B, embedding_size)."""
        y: Tensor = self.nonlinear(self.linear(x))
        return y.flatten(1)


class CamPlusPlus(nn.Module):
    """Features of one window to one speaker embedding."""

    def __init__(self, embedding_size: int = EMBEDDING_SIZE) -> None:
        super().__init__()
        self.embedding_size = embedding_size
        self.head = Head()
        n_channels = INITIAL_CHANNELS
        stages: OrderedDict[str, nn.Module] = OrderedDict()
        stages["tdnn"] = StridedTdnn(HEAD_CHANNELS * N_MELS // HEAD_STRIDE)
        for i, (n_layers, dilation) in enumerate(BLOCKS, start=1):
            block = DenseBlock(n_channels, n_layers, dilation)
            stages[f"block{i}"] = block
            stages[f"transit{i}"] = Transit(block.n_out)
            n_channels = block.n_out // 2
        stages["out_nonlinear"] = norm_relu(n_channels)
        stages["dense"] = Embedding(2 * n_channels, embedding_size)
        self.xvector = nn.ModuleDict(stages)

    def forward(self, feats: Tensor) -> Tensor:
        """Embed windows.

        Parameters
        ----------
        feats : (B, T, 80) float32
            Log-mel features, the window's mean already taken off each mel band.

        Returns
        -------
        (B, embedding_size) float32
        """
        stage = self.xvector
        x = stage["tdnn"](self.head(feats.transpose(1, 2).unsqueeze(1)))
        pool, spread = segment_matrices(x)
        for i in range(1, len(BLOCKS) + 1):
            x = stage[f"transit{i}"](stage[f"block{i}"](x, pool, spread))
        embs: Tensor = stage["dense"](mean_and_std(stage["out_nonlinear"](x)))
        return embs


def load_campplus(weights: Path) -> CamPlusPlus:
    """Read a public CAM++ checkpoint (tensors only, nothing in it is executed).

    Returns the network in evaluation mode. Raises `RuntimeError` (torch's) if a tensor is
    missing, unknown or of another shape.
    """
    state: dict[str, Tensor] = torch.load(weights, map_location="cpu", weights_only=True)
    conv_1d_dims = 3  # (out, in, kernel) -> (out, in, 1, kernel)
    state = {k: v.unsqueeze(2) if v.dim() == conv_1d_dims else v for k, v in state.items()}
    net = CamPlusPlus(state["xvector.dense.linear.weight"].shape[0])
    net.load_state_dict(state, strict=True)
    return net.eval()
