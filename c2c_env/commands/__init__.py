"""The commands of the package: arguments and exit statuses only."""
