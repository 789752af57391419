"""The replay page: an episode, or two on one clock, as a single file that any browser shows without a network."""
