"""Whole jobs, from the inputs that a person names to the files that come out."""
