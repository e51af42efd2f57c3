"""From latent distances to coordinates; arrays only."""
