"""PTA (Purify-then-Align), several sensors of which any may be missing."""
