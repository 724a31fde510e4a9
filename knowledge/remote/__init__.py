"""A service over HTTP: its address, the client, retries, rates, and what its refusals mean."""
