"""How full the nets' batches were, from Triton's own statistics before and after."""

from collections.abc import Mapping
from dataclasses import dataclass

from tritonclient.grpc import InferenceServerClient


@dataclass(frozen=True)
class Counts:
    """What a model has done since the server started.

    Parameters
    ----------
    n_items : int
        Items (windows, chunks) it has answered.
    n_runs : int
        Times it was run.
    n_requests : int
        Requests it has answered.
    """

    n_items: int
    n_runs: int
    n_requests: int


@dataclass(frozen=True)
class BatchSize:
    """Average of a model's runs: items in each, and requests merged into each."""

    items: float
    requests: float


def model_counts(url: str) -> dict[str, Counts]:
    """Ask the server at gRPC `url` for the counts of all its models."""
    with InferenceServerClient(url, channel_args=[("grpc.enable_http_proxy", 0)]) as client:
        told = client.get_inference_statistics().model_stats
    return {
        each.name: Counts(
            each.inference_count, each.execution_count, each.inference_stats.success.count
        )
        for each in told
    }


def batch_sizes(before: Mapping[str, Counts], after: Mapping[str, Counts]) -> dict[str, BatchSize]:
    """Average batch of every model that was run in between."""
    none = Counts(0, 0, 0)
    sizes = {}
    for name, late in after.items():
        early = before.get(name, none)
        n_runs = late.n_runs - early.n_runs
        if n_runs > 0:
            items, requests = late.n_items - early.n_items, late.n_requests - early.n_requests
            sizes[name] = BatchSize(items / n_runs, requests / n_runs)
    return sizes
