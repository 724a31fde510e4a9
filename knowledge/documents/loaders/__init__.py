"""The loaders, one module a format or engine: ``load(source) -> Document | Loaded``."""
