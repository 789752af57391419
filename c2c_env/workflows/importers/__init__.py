"""Task graphs that people have, turned into workflows: one file for each format, and what they have in common."""

from c2c_env.workflows.importers.convert import Imported, ImportSettings
from c2c_env.workflows.importers.formats import FORMATS, import_graph

__all__ = ["FORMATS", "ImportSettings", "Imported", "import_graph"]
