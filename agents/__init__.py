"""Who decides: scripted and prompted, and later learned, policies behind one protocol."""
