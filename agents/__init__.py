"""Who decides: scripted, prompted and learned teams, and references that see the true state, behind one protocol."""
