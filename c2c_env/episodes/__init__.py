"""Played episodes: kept as small files, simulated again bit for bit, and taken apart into what every message did."""
