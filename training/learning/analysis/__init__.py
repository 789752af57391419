"""What runs are looked at with: learning curves, and how well credit tells a message's worth."""
