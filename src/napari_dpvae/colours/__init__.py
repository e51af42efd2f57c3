"""From values and categories to colours; arrays and tables only."""
