"""What python-multipart tells of a form while it comes: the file goes to disk, fields are kept."""

from typing import TYPE_CHECKING, BinaryIO

from python_multipart.multipart import parse_options_header

from web.problems import ProblemError

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FILE_FIELD = "file"
MOST_FIELDS = 20
MOST_FIELD_BYTES = 1000


class FormReader:
    """Takes the parts of one form.

    Parameters
    ----------
    file : BinaryIO
        Gets the content of the part `file`.
    most_bytes : int
        That it may have.
    """

    def __init__(self, file: BinaryIO, most_bytes: int) -> None:
        self._file = file
        self._most_bytes = most_bytes
        self.n_bytes = 0
        self.fields: dict[str, str] = {}
        self._file_name: str | None = None
        self._ended = False
        self._header: tuple[bytes, bytes] = (b"", b"")
        self._disposition = b""
        self._name = ""
        self._value = b""

    def callbacks(self) -> "MultipartCallbacks":
        """Give the parser what it calls."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._data,
            "on_part_end": self._part_end,
            "on_end": self._end,
        }

    def finished(self) -> str:
        """Check that the form is whole; the file's name at the client's."""
        if not self._ended:
            raise ProblemError(400, "the form breaks off, expected its closing boundary")
        if self._file_name is None:
            raise wrong_field(FILE_FIELD, "expected a file")
        return self._file_name

    def _begin(self) -> None:
        self._disposition, self._name, self._value = b"", "", b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header = (self._header[0] + data[start:end], self._header[1])

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._header = (self._header[0], self._header[1] + data[start:end])

    def _header_end(self) -> None:
        name, value = self._header
        if name.lower() == b"content-disposition":
            self._disposition = value
        self._header = (b"", b"")

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name")
        if name is None:
            raise ProblemError(400, "a part of the form has no name")
        self._name = _text(name)
        if self._name in self.fields or (self._name == FILE_FIELD and self._file_name is not None):
            raise wrong_field(self._name[:40], "is there twice, expected once")
        if self._name == FILE_FIELD:
            self._file_name = options.get(b"filename", b"").decode(errors="replace")
        elif len(self.fields) == MOST_FIELDS:
            raise ProblemError(422, f"expected at most {MOST_FIELDS} fields")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._name == FILE_FIELD:
            self.n_bytes += end - start
            if self.n_bytes > self._most_bytes:
                limit = f"expected at most {self._most_bytes} bytes"
                raise ProblemError(413, f"the file is too large, {limit}")
            self._file.write(data[start:end])
            return
        if len(self._value) + end - start > MOST_FIELD_BYTES:
            raise wrong_field(self._name[:40], f"expected at most {MOST_FIELD_BYTES} bytes")
        self._value += data[start:end]

    def _part_end(self) -> None:
        if self._name != FILE_FIELD:
            self.fields[self._name] = _text(self._value)

    def _end(self) -> None:
        self._ended = True


def wrong_field(name: str, message: str) -> ProblemError:
    """Name a field of the form that is wrong."""
    return ProblemError(422, f"{name}: {message}", errors=[{"field": name, "message": message}])


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ProblemError(400, "a field of the form is no UTF-8, expected text") from error
