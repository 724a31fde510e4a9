"""Programs for the peers, run by the Python that has them; each as its own documentation says."""
