"""The leak audit: checks that must all pass before a comparison counts."""
