"""The commands that compare policies, and show what came of it."""
