"""The commands that make workflows."""
