"""The commands that train teams, and look into what they learned."""
