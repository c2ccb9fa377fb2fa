"""
What peers and operators may write, in every form that an engine can think of.

Each module has functions ``check_TARGET(octets)`` for targets of one family. They return, or raise if a promise is
broken; `targets` knows them all. Hypothesis writes the octets from grammars in the tests here, atheris grows them in
``make fuzz``, and what was found worth keeping is in ``corpus`` and is read again with every run of the tests.
"""
