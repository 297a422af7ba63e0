"""How a caller sounds, and what else is on the line: acoustics only, nobody's feelings are known."""
