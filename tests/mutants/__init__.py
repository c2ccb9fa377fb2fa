"""
Mutation testing of the security core: one small mistake at a time, and whether any test notices (``docs/mutants.md``).
"""
