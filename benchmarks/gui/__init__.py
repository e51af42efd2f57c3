"""How fast the window answers: switching genes, and while it trains and places."""
