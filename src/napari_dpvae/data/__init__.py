"""Files in and out; what an AnnData must hold."""
