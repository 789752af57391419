"""How a model is asked: limit, retries, budget, and a cache of the answers."""
