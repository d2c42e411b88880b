"""Evaluations, one a file: each has a `make(config)` and is found by its file name; names with _ are their parts."""
