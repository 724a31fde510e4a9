"""A folder into a dataset: scan, plan, load, embed, commit."""
