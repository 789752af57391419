"""The schedule that everybody who sees the board works out alike: who will work on what, when, and how urgent it is."""
