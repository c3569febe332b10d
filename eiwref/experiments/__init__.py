"""One file a table or figure of the paper; each returns plain data, see `result`."""
