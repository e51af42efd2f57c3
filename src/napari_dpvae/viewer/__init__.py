"""The door with a window: the only rooms that know Qt and napari."""
