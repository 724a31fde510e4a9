"""Vectors that a server keeps, of datasets whose catalog lies in the data folder."""
