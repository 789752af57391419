"""The server.

Importing it makes the package `agents` of c2c-env importable, which its wheel does not install by itself.
"""

from c2c_env.laboratory import make_importable

make_importable()
