"""Source code and configuration: where their definitions stand, and cutting there."""
