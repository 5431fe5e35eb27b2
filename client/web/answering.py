"""The answer with a result, in the format that was chosen."""

from urllib.parse import quote

from fastapi.responses import Response

from answer_texts import file_name
from formats.result import FormatError
from web.exports import Kept
from web.negotiation import Chosen
from web.problems import ProblemError

NO_STORE = {"Cache-Control": "no-store"}  # who comes later on the same machine sees nothing of it


def result_response(kept: Kept, format_: Chosen) -> Response:
    """Write a result; ProblemError 502 where Triton told too little for this format."""
    try:
        text = kept.text(format_.token)
    except FormatError as error:
        raise ProblemError(502, str(error)) from error
    name = quote(file_name(format_.token, kept.recording_id), safe="")
    headers = {"Content-Disposition": f"inline; filename*=UTF-8''{name}", "Vary": "Accept"}
    media_type = format_.media_type
    if not media_type.endswith("json"):
        media_type += "; charset=utf-8"
    return Response(text.encode(), headers={**headers, **NO_STORE, "Content-Type": media_type})
