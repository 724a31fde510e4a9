"""The retrieval steps, one module each: it holds a `STEP`, and is found by lying here."""
