"""
One request being answered: by an upstream, by a page of ours, or by a refusal.
"""
