"""The command line: the door for machines without a screen."""

from napari_dpvae.cli.main import main

__all__ = ["main"]
