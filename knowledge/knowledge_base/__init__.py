"""The facade over all rooms: what Python users and the command line call."""

from knowledge.knowledge_base.knowledge_base import KnowledgeBase

__all__ = ["KnowledgeBase"]
