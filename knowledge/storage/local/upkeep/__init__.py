"""Check-ups, repairs, sizes, and room that is given back."""
