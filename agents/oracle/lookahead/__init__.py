"""Improves the rule of the oracle by simulating what follows from other joint actions."""
