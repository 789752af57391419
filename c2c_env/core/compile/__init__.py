"""What turns the plain functions of the simulator into machine code: the only place that knows numba."""
