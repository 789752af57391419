"""The commands that show single episodes."""
