"""Shared by all tests. Its presence puts this folder on the path, for `peers`."""
