"""The commands of the command line: each module has arguments, examples and what is run, and no logic of its own."""
