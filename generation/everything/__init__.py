"""Questions that the best passages cannot answer: how many, all, compare, the latest."""
