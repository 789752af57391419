"""What single decisions of a played episode were worth: it is played again with one of them changed."""
