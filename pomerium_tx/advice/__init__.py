"""
What an operator asks the command before anything runs: which keys there are, what a configuration would do, and why.
"""
