"""A knowledge base on a server: the verbs of `KnowledgeBase`, asked over REST."""

from knowledge.client.remote_base import RemoteKnowledgeBase

__all__ = ["RemoteKnowledgeBase"]
