"""Commands on documents: take them in, look at them."""
