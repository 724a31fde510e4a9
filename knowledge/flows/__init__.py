"""The flows file: which parts read, cut, ask and rank, and with which options."""
