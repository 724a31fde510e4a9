"""Flows that are shipped, one file each: ``blueprint:NAME``."""
