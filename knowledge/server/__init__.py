"""Faces over HTTP: one process, one port, the same datasets as the command line."""
