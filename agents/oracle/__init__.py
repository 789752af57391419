"""Teams that see the true state: an upper reference for teams that do not."""
