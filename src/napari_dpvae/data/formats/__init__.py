"""One module for each family of file formats; :mod:`registry` lists them and opens any."""
