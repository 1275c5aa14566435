"""The pictures of reports, each drawn from the numbers of report.json."""
