"""
The tests, in the same rooms as the code.
"""

from hypothesis import settings

# Speed is measured by benchmarks, never by a test.
settings.register_profile("pomerium_tx", deadline=None)
settings.load_profile("pomerium_tx")
