"""How policies are compared: what is played, how it is kept, and how it is shown."""
