"""examples/make-server.py as a module: its name has a dash, since it is a program of its own. The
indexes that tests write of a server come from it too."""

import importlib.util
import os

EXAMPLES = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "examples")


def _load():
    spec = importlib.util.spec_from_file_location("make_server", os.path.join(EXAMPLES, "make-server.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make_server = _load()
