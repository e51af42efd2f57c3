"""The variational autoencoder and its training: tensors only."""
