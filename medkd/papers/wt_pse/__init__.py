"""WT-PSE: IEEE TMI 2024, document 10457051."""
