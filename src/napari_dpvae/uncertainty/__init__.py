"""How sure a placement is: calibrated regions, and a status for each cell."""
