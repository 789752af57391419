"""How fast the environment is, beside others."""
