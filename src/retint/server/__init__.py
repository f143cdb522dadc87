"""The page and the HTTP API of `retint serve`: one process, for the people of this machine unless told otherwise."""
