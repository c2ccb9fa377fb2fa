"""
The question that is asked of every request: may it proceed?
"""
