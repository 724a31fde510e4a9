"""HTML to Markdown: parse, cut into blocks, choose those that are the page's own text."""

from knowledge.documents.loaders.web.page import Page, read_page

__all__ = ["Page", "read_page"]
