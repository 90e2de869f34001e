"""Networks of PyTorch: bring your own, or train one of those here. Importing it loads no torch."""
