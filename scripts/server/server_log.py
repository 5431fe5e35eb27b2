"""Why a server did not start or did not go on: one sentence, and what its log says."""

import re

from server.server_output import Output, Relay, lines_of
from server.server_output import ServerError as ServerError

LOG_TAIL_LINES = 20
# Without a GPU the one about CudaDriverHelper is always there.
COMPLAINT = re.compile(
    r"E\d{4} (?!.*CudaDriverHelper)|.*(unrecognized option|requires an arg|libprotobuf ERROR)"
)
# Triton quotes what it was told, line ends written as \n; from `At:` on it is where in the code.
NOT_LOADED = re.compile(
    r"E\d{4} .*failed to load (model )?'(?P<model>[^']+)'( version \d+: [\w ]+)?: (?P<cause>.*)"
)
NOT_READ = re.compile(r"E\d{4} .*Poll failed for model directory '(?P<model>[^']+)': (?P<cause>.*)")
BAD_FLAG = re.compile(
    r"\S*tritonserver: (?P<cause>(unrecognized option|option .*requires an arg).*)"
)
WHERE = re.compile(r'((\\n)+At:.*|(\\n|\s|")+)$')
KIND = re.compile(r"^(TritonModelException|(?P<kind>\w+)): ")
# How to mend what does not say so itself.
OPTIONS_REMEDY = "; correct the parameters in its config.pbtxt"
CONFIG_REMEDY = "; correct it"


def failure(log: Output, reason: str) -> ServerError:
    """Error that says the reason, what Triton complained about, and how its log ends.

    Of a log on standard output nothing is shown again.
    """
    if isinstance(log, Relay):
        return ServerError(reason)
    lines = lines_of(log)
    complaints = [line for line in lines if COMPLAINT.match(line)]
    shown = [*complaints, f"--- last lines of {log}", *lines[-LOG_TAIL_LINES:]]
    return ServerError("\n".join([reason, *shown]))


def start_failure(log: Output, reason: str) -> ServerError:
    """The same, below a sentence that names the model at fault, if the log tells one."""
    sentences = dict.fromkeys(filter(None, map(explanation, lines_of(log))))
    return failure(log, "\n".join([*sentences, reason]))


def explanation(line: str) -> str | None:
    """What is wrong, with which model, and how to mend it, as far as a line of the log tells.

    >>> explanation("E1122 failed to load 'sad' version 1: Internal: TritonModelException: no file")
    "model 'sad' does not load: no file"
    """
    if match := BAD_FLAG.match(line):
        return f"{match['cause']}; see ./scripts/serve.sh --help, tritonserver --help"
    if match := NOT_READ.match(line):
        return (
            f"model '{match['model']}' has no proper configuration: {_text(match)}{CONFIG_REMEDY}"
        )
    if match := NOT_LOADED.match(line):
        kind = KIND.match(match["cause"])
        remedy = OPTIONS_REMEDY if kind and kind["kind"] == "ConfigError" else ""
        return f"model '{match['model']}' does not load: {_text(match)}{remedy}"
    return None


def _text(match: re.Match[str]) -> str:
    """The cause without where it was, what kind of error it was, and the model's name again."""
    cause = KIND.sub("", WHERE.sub("", match["cause"]))
    return cause.removeprefix(f"model '{match['model']}': ").replace("\\n", " ")
