"""A policy from outside of the repository, which the installed command plays."""

import numpy as np


class Quiet:
    """Works on the first subtask that it may work on, and never speaks."""

    def __init__(self, context):
        self.choices = context.layout.sizes["K"] + 1  # of work: nothing, or a subtask

    def reset(self, rows):
        """Remember nothing."""

    def act(self, observations, action_masks, rows):
        """Return actions [R, 4]."""
        legal = action_masks[:, 1 : self.choices]
        actions = np.zeros((len(rows), 4), dtype=np.int64)
        actions[:, 0] = np.where(legal.any(axis=1), 1 + legal.argmax(axis=1), 0)
        return actions
