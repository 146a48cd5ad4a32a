"""The host of rbit's Python functions; see __main__.py."""
