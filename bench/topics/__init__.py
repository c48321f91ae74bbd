"""One module per topic: its sources and its figures."""
