import argparse

import pytest
import trustme

from console.options import parse_options
from sending.access import Access, AccessError, Tls, access, parse_headers

SECRET = "s3cr3t"


def options(*more):
    return parse_options(["--audio_file", "a.wav", *map(str, more)])


@pytest.fixture
def pem(tmp_path):
    """Paths by name: an authority, a certificate of it and its key, and another key."""
    authority = trustme.CA()
    own, other = (authority.issue_cert("client.example") for _ in range(2))
    blobs = {
        "ca": authority.cert_pem,
        "cert": own.cert_chain_pems[0],
        "key": own.private_key_pem,
        "other_key": other.private_key_pem,
    }
    for name, blob in blobs.items():
        blob.write_to_path(str(tmp_path / name))
    return {name: tmp_path / name for name in blobs}


def test_by_default_the_server_is_open():
    assert access(options()) == Access(headers={}, tls=None)


@pytest.mark.parametrize("text", ["X-Key: s3cr3t", "x-key:s3cr3t", " x-key :  s3cr3t "])
def test_a_header_has_a_lower_case_name_and_a_value(text):
    assert access(options("--header", text)).headers == {"x-key": SECRET}


def test_a_value_may_hold_colons_and_spaces():
    assert parse_headers("authorization: Bearer a:b c") == [("authorization", "Bearer a:b c")]


def test_headers_add_up_and_files_hold_one_per_line(tmp_path):
    (tmp_path / "keys").write_text(f"# of the lab\n\nX-Key: {SECRET}\nx-team: red\n")

    given = access(options("--header", f"@{tmp_path / 'keys'}", "--header", "x-more: 1"))

    assert given.headers == {"x-key": SECRET, "x-team": "red", "x-more": "1"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"x-key {SECRET}", "expected 'name: value'"),
        (f": {SECRET}", "expected 'name: value'"),
        (f"x key: {SECRET}", "expected 'name: value'"),
        (f"é: {SECRET}", "expected 'name: value'"),
        ("x-key:", "'x-key': expected a value of printable"),
        (f"x-key: {SECRET}\t1", "'x-key': expected a value of printable"),
        (f"x-key: {SECRET}é", "'x-key': expected a value of printable"),
        (f"x-key-bin: {SECRET}", "'x-key-bin': names grpc-... and ...-bin"),
        (f"grpc-timeout: {SECRET}", "'grpc-timeout': names grpc-... and ...-bin"),
        ("@", "cannot read"),
        ("@absent.txt", "cannot read absent.txt: No such file"),
    ],
)
def test_a_malformed_header_is_wrong_usage_and_its_value_is_not_shown(text, words, capsys):
    with pytest.raises(SystemExit) as caught:
        options("--header", text)

    err = capsys.readouterr().err
    assert caught.value.code == 2
    assert words in err
    assert SECRET not in err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (f"x-team: red\nx key: {SECRET}\n".encode(), "keys line 2: expected 'name: value'"),
        (f"x-key: {SECRET}é\n".encode(), "keys: byte 14 is not ASCII"),
        (b"# nothing\n\n", "holds no header"),
    ],
)
def test_a_file_of_headers_is_refused_by_its_name_and_line(content, words, tmp_path):
    (tmp_path / "keys").write_bytes(content)

    with pytest.raises(argparse.ArgumentTypeError) as caught:
        parse_headers(f"@{tmp_path / 'keys'}")

    assert words in str(caught.value)
    assert SECRET not in str(caught.value)


def test_values_are_in_no_repr():
    assert SECRET not in repr(access(options("--header", f"x-key: {SECRET}")))


def test_any_of_the_files_turns_encryption_on(pem):
    assert access(options("--ssl")).tls == Tls()
    assert access(options("--ssl_ca", pem["ca"])).tls == Tls(ca=pem["ca"])
    own = ("--ssl_cert", pem["cert"], "--ssl_key", pem["key"])
    assert access(options(*own)).tls == Tls(cert=pem["cert"], key=pem["key"])


@pytest.mark.parametrize(("flag", "name"), [("--ssl_cert", "cert"), ("--ssl_key", "key")])
def test_a_certificate_and_its_key_come_together(flag, name, pem):
    with pytest.raises(AccessError, match=f"or neither, got {flag} alone"):
        access(options(flag, pem[name]))


def test_an_authority_that_is_none_is_named(pem):
    with pytest.raises(AccessError, match="key holds no certificate, expected PEM"):
        access(options("--ssl_ca", pem["key"]))


def test_a_key_of_another_certificate_is_refused(pem):
    with pytest.raises(AccessError, match=r"expected a certificate in .*cert and its unencrypted"):
        access(options("--ssl_cert", pem["cert"], "--ssl_key", pem["other_key"]))
