"""What may neither reach a model nor leave it, and when a reply is a refusal. Pure."""
