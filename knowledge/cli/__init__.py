"""What a person types: parse, call KnowledgeBase, render. One file per command family."""
