"""
The proxy as people run it, with real browsers, real providers, real sockets and real time. `run` starts these tests.
"""
