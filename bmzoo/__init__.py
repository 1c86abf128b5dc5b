"""bmzoo: a model zoo for backmapping coarse-grained simulations."""
