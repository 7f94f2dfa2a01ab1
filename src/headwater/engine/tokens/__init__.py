"""Iterators and paging tokens: values that are sealed for a caller and opened when they come back.

Refuses to know streams beyond the names that are in a token.
"""
