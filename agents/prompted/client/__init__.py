"""How a model is asked: limit, retries, budget, and a cache of the answers."""

from agents.prompted.client.client import close_all as close_clients

__all__ = ["close_clients"]
