"""How others touch the simulator: the batch that owns the memory, and the environments on top of it."""
