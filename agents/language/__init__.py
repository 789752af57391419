"""What trainers of language models play: seats of a team in text, tasks from the fixed splits, rewards turn by turn."""
