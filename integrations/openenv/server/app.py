"""The FastAPI application: ``uvicorn server.app:app``, or the script ``server``."""

from __future__ import annotations

import argparse
import os

import uvicorn
from openenv.core.env_server.http_server import create_app

from c2c_openenv.models import C2CAction, C2CObservation, C2CState
from c2c_openenv.server.c2c_environment import C2CEnvironment

SESSIONS = int(os.environ.get("MAX_CONCURRENT_ENVS", "64"))

app = create_app(
    C2CEnvironment,
    C2CAction,
    C2CObservation,
    env_name="c2c_openenv",
    max_concurrent_envs=SESSIONS,
    state_cls=C2CState,
)


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="Serve the collaboration game of c2c-env.")
    parser.add_argument("--host", default="0.0.0.0", help="address to listen on (default: all of this machine)")
    parser.add_argument("--port", type=int, default=8000)
    chosen = parser.parse_args()
    uvicorn.run(app, host=chosen.host, port=chosen.port)


if __name__ == "__main__":
    main()
