"""The benchmark's figures, ready for a paper: a file for each, and one that draws them all."""
