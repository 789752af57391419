"""How others touch the simulator: the batch that owns the memory, and the faces on top of it."""
