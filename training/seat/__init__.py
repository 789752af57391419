"""A seat at the table: a person plays one agent of a team, in a browser or in a terminal."""
