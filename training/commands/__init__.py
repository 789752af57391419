"""The commands of the laboratory: arguments and exit statuses only."""
