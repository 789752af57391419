"""The version of the package, which files of episodes and runs name."""

__version__ = "0.2.0"
