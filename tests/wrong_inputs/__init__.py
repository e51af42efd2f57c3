"""Wrong inputs of many kinds, and the sentence that each gets: docs/wrong_inputs.md.

``python -m tests.wrong_inputs`` writes that page; tests see that it is up to date. Kinds are made
one by one (``by_hand``), or each of something by each of something else (``sweeps``, ``commands``,
``window``).
"""
