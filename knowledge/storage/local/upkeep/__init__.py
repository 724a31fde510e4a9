"""What is checked, mended and given back."""
