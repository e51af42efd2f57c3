"""What a trained model is, and its file."""
