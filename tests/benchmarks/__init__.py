"""
Tests of how the benchmarks read and count; what they measure is nobody's promise.
"""
