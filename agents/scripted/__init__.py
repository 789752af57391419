"""Scripted teams: decentralised rules, each agent reading its own observation only."""
