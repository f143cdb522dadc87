"""Training: recipes as data, a loop that can be read, runs that can be resumed. Needs the `torch` extra."""
