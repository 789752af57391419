"""Who decides: scripted, and later learned and prompted, policies behind one protocol."""
