"""What is raised for bad input: one sentence that says what is wrong, where, and what to do."""


class DataError(ValueError):
    """A reference, a query, a file or a setting cannot be used as it is."""
