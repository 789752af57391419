"""Prompted teams: language models that play through the same protocol, and see the same, as every other policy."""
