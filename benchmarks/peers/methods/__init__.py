"""The peers: a file each, imported only in the environment that has it."""
