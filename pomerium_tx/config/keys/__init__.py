"""
The keys that there are, by topic.
"""
