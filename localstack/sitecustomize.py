"""Mends MiniStack in a container where this directory is on PYTHONPATH: Python imports this file when it starts.

In any other program, such as LocalStack or a function in Python, it does nothing: it waits for `ministack.app`, the
module that MiniStack's own command and every other way to start it import, and mends what that has loaded.
"""

import sys
from importlib.machinery import PathFinder

APPLICATION = "ministack.app"


class Mending:
    """Finds the application as Python would, and has the mends put in place when it is loaded."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name != APPLICATION:
            return None
        sys.meta_path.remove(cls)
        spec = PathFinder.find_spec(name, path, target)
        if spec:
            load = spec.loader.exec_module

            def loading(module):
                load(module)
                import ministack_mends
                import ministack_tasks

                ministack_mends.apply()
                ministack_tasks.apply()

            spec.loader.exec_module = loading
        return spec


sys.meta_path.insert(0, Mending)
