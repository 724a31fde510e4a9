"""Commands on models and vectors."""
