"""The OpenAI-compatible routes below /v1/: requests translated into dialogues, answers into OpenAI's shapes.

They are stateless: the client sends the whole dialogue with each question, and nothing of it is kept.
"""
