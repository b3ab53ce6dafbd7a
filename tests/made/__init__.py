"""Results made by hand, with known figures: one module for each experiment."""
