"""Datasets as one file: export, verify, import.

A ZIP archive. ``manifest.json`` names the format, and for each dataset its facts and its members
with size and SHA-256: ``files.jsonl`` and ``chunks.jsonl``, one object a line, chunks in the order
of the files, and ``vectors.f32``, raw little-endian float32, one row a chunk in the same order.
Nothing in an archive is code, and equal datasets give equal bytes.
"""
