"""What learns: imitation, cost-to-go and PPO, and the environments that they play in."""
