import contextlib

import pytest
from hypothesis import HealthCheck, settings
from rule_server import KEY, RuleServer

# how long an example takes says how busy the machine is, not whether the code is right
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


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


@pytest.fixture
def small_files():
    """A context in which no file of this process can grow beyond some bytes, as on a full disk."""
    resource = pytest.importorskip("resource")

    @contextlib.contextmanager
    def limit(size):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limit
