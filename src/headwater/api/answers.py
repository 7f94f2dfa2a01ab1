"""The types of answers, by the names that the API model has for them.

There are only those of `answers.pyi`, which `scripts/generate_api_types.py` writes:
at run time an answer is a plain dict, and annotations are not looked at.
"""
