"""Questions about the rows of a table, answered from all of them by code. No model."""
