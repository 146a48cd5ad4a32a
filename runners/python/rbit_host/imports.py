"""What a module does to its process while it is imported is there for all jobs, also where the
import stands in a function."""

from importlib.machinery import ExtensionFileLoader, SourceFileLoader, SourcelessFileLoader

OF_FILES = (SourceFileLoader, SourcelessFileLoader, ExtensionFileLoader)


class Imports:
    def __init__(self):
        self.ground = None  # what is to be told
        self._is_inside = False

    def watch(self, spec):
        """The module of `spec`, which is nobody's own, is about to be executed."""
        loader = spec.loader
        if self.ground is None or type(loader) not in OF_FILES:
            return
        execute = loader.exec_module

        def watched(module):
            del loader.exec_module
            # One inside another is a part of it; of two at once, in two threads, the first counts.
            if self._is_inside:
                return execute(module)
            self._is_inside = True
            before = self.ground.marks()
            try:
                return execute(module)
            finally:
                self._is_inside = False
                self.ground.adopt(before)

        loader.exec_module = watched
