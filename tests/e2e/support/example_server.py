"""examples/make-server.py as a module: its name has a dash, since it is a program of its own. The
indexes that tests write of a server come from it too."""

import importlib.util
import os

from .program import TREE

EXAMPLES = os.path.join(TREE, "examples")


def _load():
    path = os.path.join(EXAMPLES, "make-server.py")
    spec = importlib.util.spec_from_file_location("make_server", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make_server = _load()
