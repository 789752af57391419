"""How teams learn: recipes, stages of training, checkpoints, validation."""
