"""Plotly figures: waveforms on ECG paper, trends over hours, probabilities with their threshold."""
