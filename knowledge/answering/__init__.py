"""An answer in words, by a chat model, from retrieved passages alone."""
