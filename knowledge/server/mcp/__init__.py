"""The face for agents: the Model Context Protocol over stdio, and over HTTP at ``/mcp``."""
