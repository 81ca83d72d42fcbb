"""A soak: random operations on a lab host, disturbed at random moments, with what must hold asked from outside.

docs/soak.md says how to run it and how to read what it prints.
"""
