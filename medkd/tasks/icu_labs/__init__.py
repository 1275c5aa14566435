"""Labs, charted observations and vital signs teach a student that sees vital signs alone."""
