"""How a step works: plain functions over one environment's row of a batch of arrays.

Every function takes the static `Params` p, the `State` s and the row b. The same source runs interpreted (for
reading, debugging and coverage) and compiled (`backends`), bit for bit alike: all state and arithmetic is 64-bit, what
the faces hand out is rounded to 32 bits. Nothing is allocated per step.
"""
