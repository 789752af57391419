import pytest
from rule_server import KEY, RuleServer


@pytest.fixture
def server(monkeypatch):
    """A server of a language model on loopback; the clients that asked it are closed."""
    from agents.prompted.client.client import close_all

    monkeypatch.setenv("TEST_MODEL_KEY", KEY)
    with RuleServer() as running:
        yield running
        running.hold.set()
        close_all()


@pytest.fixture
def options(server, tmp_path):
    """Options of prompted policies that ask that server."""
    return {"base_url": server.url, "key_variable": "TEST_MODEL_KEY", "cache": str(tmp_path / "cache"), "timeout": 20}
