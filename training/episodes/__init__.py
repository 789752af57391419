"""Single episodes as people watch them: a timeline in words, and an animated picture."""
