"""What is raised for bad input: one sentence that says what is wrong, where, and what to do."""


class DataError(ValueError):
    """A reference, a query or a file cannot be used as it is."""
