"""
What is compared: each module starts one program, with a configuration of its own in a temporary folder.
"""
