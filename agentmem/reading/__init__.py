"""Reading answers out of recalled evidence without a language model."""
