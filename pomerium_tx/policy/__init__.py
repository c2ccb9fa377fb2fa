"""
Who may use a route: criteria, the reasons they give, and the decision they add up to.
"""
