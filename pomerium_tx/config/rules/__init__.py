"""
What several keys get wrong together, by topic.
"""
