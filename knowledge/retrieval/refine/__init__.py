"""What happens to hits after they are found, in this order.

Near duplicates are folded, a reranker scores the rest anew, maximal marginal relevance spreads
them, a file's share is limited, and ``top_k`` cuts. Then what is shown is put together: neighbours
are added, hits that touch are joined, and a budget of tokens is filled.
"""
