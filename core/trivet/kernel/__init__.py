"""The kernel: it routes a request and walks it through its lifecycle, and knows no feature."""
