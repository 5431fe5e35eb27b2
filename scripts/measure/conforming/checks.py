"""What a server has to do with the nets, one line of a table each."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from measure.conforming.nets import FRAME_SAMPLES, TOLERANCE, Array, Net, Outputs
from sending.errors import one_line
from sending.service import channel_arguments

BATCHES = (1, 4, 64)
BAD_ROW = 1  # of the second of BATCHES
N_AT_ONCE = 16  # requests to be merged, of one row and of two in turn
BAD_REQUEST = 5
PART_SAMPLES = 10 * FRAME_SAMPLES
ROUNDS = 5  # attempts to see some of them merged
NO_ID = "[request id: <id_unknown>] "
OK, REFUSED, FAILED = "OK", "INVALID_ARGUMENT", "INTERNAL"
# Not every slash: the text of ONNX Runtime names a net's nodes, such as /head/Relu.
TRACES = re.compile(
    r"Traceback|\.(py|c|cc|cpp|h|hpp|so)\b|/(dev|home|opt|root|tmp|usr|var|work\w*)/"
)


@dataclass(frozen=True)
class Check:
    """A line of the table."""

    name: str
    got: str
    expected: str
    passed: bool


@dataclass(frozen=True)
class Reply:
    """What came back: outputs, or gRPC's status and the text of an error."""

    outputs: Outputs
    status: str = OK
    text: str = ""

    def __str__(self) -> str:
        if self.status != OK:
            return f"{self.status}: {self.text}"
        return ", ".join(f"{name} {list(each.shape)}" for name, each in self.outputs.items())


class Server:
    """A connection to a server; a request without an answer within `timeout_s` is an error."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self._client = InferenceServerClient(url, channel_args=channel_arguments(url))
        self._timeout_s = timeout_s

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, model: str, values: Mapping[str, Array]) -> Reply:
        """Send one request and wait."""
        inputs = []
        for name, array in values.items():
            inputs.append(InferInput(name, array.shape, np_to_triton_dtype(array.dtype)))
            inputs[-1].set_data_from_numpy(array)
        try:
            found = self._client.infer(model, inputs, client_timeout=self._timeout_s)
        except InferenceServerException as error:
            text = one_line(error).removeprefix(NO_ID)
            return Reply({}, str(error.status()).removeprefix("StatusCode."), text)
        names = [output.name for output in found.get_response().outputs]
        return Reply({name: found.as_numpy(name) for name in names})

    def max_batch_size(self, model: str) -> int:
        """The largest batch of a model; 0 for one that has none."""
        return int(self._client.get_model_config(model).config.max_batch_size)

    def n_runs(self, model: str) -> int:
        """How many batches a model has computed so far."""
        stats = self._client.get_inference_statistics(model).model_stats
        return sum(each.execution_count for each in stats)


def compared(net: Net, reply: Reply, golden: Outputs, single: bool) -> tuple[str, str, bool]:
    """Judge a reply by golden outputs: what was got, what is expected, whether it passes."""
    if str(reply) != str(Reply(golden)):
        return str(reply), str(Reply(golden)), False
    pairs = [(reply.outputs[name], expected) for name, expected in golden.items()]
    if single or net.likeness is None:
        difference = max(float(np.abs(got - expected).max(initial=0)) for got, expected in pairs)
        text = f"off by {difference:.1e}" if difference else "exact"
        return text, f"off by {TOLERANCE:.0e} at most", difference <= TOLERANCE
    alike = min(net.likeness.measure(*pair) for pair in pairs)
    exact = all(np.array_equal(*pair) for pair in pairs)
    text = "exact" if exact else f"{net.likeness.name} {alike:.4f}"
    return text, f"{net.likeness.name} >= {net.likeness.least}", alike >= net.likeness.least


def check_batches(net: Net, server: Server, single: bool) -> Iterator[Check]:
    """Batches of the usual length, and rows of odd lengths, against the golden outputs."""
    most = server.max_batch_size(net.model)
    batches = sorted({min(n_rows, most or n_rows) for n_rows in BATCHES})
    cases = [(n_rows, net.lengths[0]) for n_rows in batches]
    cases += [(1, length) for length in net.lengths[1:]]
    for n_rows, length in cases:
        values = net.example(n_rows, length)
        reply = server.ask(net.model, {net.input_name: values})
        name = f"{net.model}: {n_rows} x {length}"
        yield Check(name, *compared(net, reply, net.golden(values), single))


def check_bad_row(net: Net, server: Server, single: bool) -> Iterator[Check]:
    """A row of NaN leaves the others of its request as they are."""
    values = net.example(BATCHES[1], net.lengths[0])
    golden = net.golden(values)
    values[BAD_ROW] = np.nan
    reply = server.ask(net.model, {net.input_name: values})
    yield Check(
        f"{net.model}: beside a row of NaN",
        *compared(net, without(reply, BAD_ROW), without(Reply(golden), BAD_ROW).outputs, single),
    )


def check_state(net: Net, server: Server, single: bool) -> Iterator[Check]:
    """The second part of a stream, sent with the state after the first, is as in one piece."""
    if net.state_name is None:
        return
    whole = net.example(1, 2 * PART_SAMPLES)
    golden, (first, second) = net.golden(whole), np.split(whole, 2, axis=1)
    reply = server.ask(net.model, {net.input_name: first})
    if reply.status == OK:
        state = reply.outputs["next_state"]
        reply = server.ask(net.model, {net.input_name: second, net.state_name: state})
    n_frames = golden["speech_probs"].shape[1] // 2
    golden["speech_probs"] = golden["speech_probs"][:, n_frames:]
    yield Check(f"{net.model}: with a state", *compared(net, reply, golden, single))


def without(reply: Reply, row: int) -> Reply:
    """A reply less one of its rows."""
    rest = {name: np.delete(values, row, axis=0) for name, values in reply.outputs.items()}
    return Reply(rest, reply.status, reply.text)


def check_merged(net: Net, server: Server, single: bool) -> Iterator[Check]:
    """Requests that are computed as one batch get what each gets alone; one of them is NaN."""
    if not server.max_batch_size(net.model):
        return
    edges = np.cumsum([0, *(1 + n % 2 for n in range(N_AT_ONCE))])
    rows = net.example(int(edges[-1]), net.lengths[0])
    requests = [{net.input_name: rows[first:last]} for first, last in pairwise(edges)]
    requests[BAD_REQUEST][net.input_name][:] = np.nan

    def ask(values: Mapping[str, Array]) -> Reply:
        return server.ask(net.model, values)

    alone = [ask(each) for each in requests]
    with ThreadPoolExecutor(N_AT_ONCE) as threads:
        for _ in range(ROUNDS):
            before = server.n_runs(net.model)
            together = list(threads.map(ask, requests))
            n_runs = server.n_runs(net.model) - before
            if n_runs < N_AT_ONCE:
                break
    got, expected, passed = _merged(net, _good(alone), _good(together), single)
    yield Check(
        f"{net.model}: {N_AT_ONCE} requests at once",
        f"{got}, {n_runs} batches",
        f"{expected}, < {N_AT_ONCE} batches",
        passed and n_runs < N_AT_ONCE,
    )


def _good(replies: Sequence[Reply]) -> list[Reply]:
    return [reply for number, reply in enumerate(replies) if number != BAD_REQUEST]


def _merged(
    net: Net, alone: Sequence[Reply], together: Sequence[Reply], single: bool
) -> tuple[str, str, bool]:
    """Compare all replies as one; the first that is an error instead if there is one."""
    for reply in (*alone, *together):
        if reply.status != OK:
            return str(reply), "rows as alone", False
    golden, found = (
        {
            name: np.concatenate([each.outputs[name] for each in replies])
            for name in alone[0].outputs
        }
        for replies in (alone, together)
    )
    return compared(net, Reply(found), golden, single)


def check_refusals(net: Net, server: Server, _single: bool) -> Iterator[Check]:
    """Requests that do not fit are refused by a text that shows nothing of the server."""
    values = net.example(1, net.lengths[0])
    most = server.max_batch_size(net.model)
    cases: dict[str, Mapping[str, Array]] = {
        "one dimension too many": {net.input_name: values[None]},
        "unknown input": {f"{net.input_name}_": values},
        "doubles": {net.input_name: values.astype(np.float64)},
    }
    if most:
        cases["a row too short"] = {net.input_name: values[..., 1:].copy()}
        cases[f"{most + 1} rows"] = {net.input_name: np.repeat(values, most + 1, axis=0)}
    for name, inputs in cases.items():
        reply = server.ask(net.model, inputs)
        yield Check(f"{net.model}: {name}", *_refused(reply, [REFUSED]))


def check_empty(net: Net, server: Server, _single: bool) -> Iterator[Check]:
    """No rows and, where the length is free, a row of nothing: refused, or as many rows back."""
    cases = {"no rows": net.example(1, net.lengths[0])[:0]}
    if len(net.lengths) > 1:
        cases["a row of length 0"] = net.example(1, 0)
    for name, values in cases.items():
        reply = server.ask(net.model, {net.input_name: values})
        if reply.status == OK:
            passed = all(len(each) == len(values) for each in reply.outputs.values())
            yield Check(f"{net.model}: {name}", str(reply), f"{len(values)} row(s)", passed)
        else:
            yield Check(f"{net.model}: {name}", *_refused(reply, [REFUSED, FAILED]))


def _refused(reply: Reply, statuses: Sequence[str]) -> tuple[str, str, bool]:
    passed = reply.status in statuses and not TRACES.search(reply.text)
    return str(reply), f"{' or '.join(statuses)}, no path", passed


CHECKS: Sequence[Callable[[Net, Server, bool], Iterator[Check]]] = (
    check_batches, check_state, check_bad_row, check_merged, check_refusals, check_empty,
)  # fmt: skip
