"""How a model comes to be: folds, networks, ensemble, fine-tuning."""
