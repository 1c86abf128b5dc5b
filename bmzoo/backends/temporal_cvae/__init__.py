"""Frame after frame, each drawn given the atoms before it, by a conditional autoencoder."""
