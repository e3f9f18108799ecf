"""Composition root: wires the stages, decides nothing.

Nothing is imported here: a parser child loads the leaf rag_site.errors and
must start in a fraction of a second, without Django and Celery.
"""
