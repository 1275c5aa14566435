"""Figures of the viewer, drawn by Plotly in the reader's own browser."""
