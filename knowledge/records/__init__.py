"""The JSON contracts of ``docs/json.md``: results to plain values, whatever the face."""
