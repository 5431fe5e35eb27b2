import pytest


@pytest.fixture(autouse=True)
def a_proxy_is_configured(monkeypatch):
    """An unreachable proxy, which must not be used for loopback."""
    for name in ("no_grpc_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
