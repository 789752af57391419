"""How policies are compared and trained: ``c2c-env``, or ``python -m training`` in a clone's root."""
