"""Whether what a model wrote is what its sources say: text held against text."""
