"""A language model of a million weights that plays by the terse text, cloned from the examples of a teacher.

`vocabulary` has the words, `lessons` reads examples, and `cloning` trains. What comes out is a folder that
`backend=transformers` takes.
"""
