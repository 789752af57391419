"""How policies are compared and trained: run from the repository's root as ``python -m training``."""
