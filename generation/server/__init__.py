"""The model server: GGUF weights and the query embedder behind the OpenAI protocol.

A process of its own; it never touches the database and never trusts a caller's
grammar, template or path.
"""
