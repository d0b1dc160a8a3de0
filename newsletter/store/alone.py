"""Loads sqlite_utils without numpy and pandas, for columns of whose types it would load them: a fifth of a second.

What they make is stored here as bytes and numbers of Python's own. Once loaded, they work as ever.
"""

import sys

_hidden = [name for name in ("numpy", "pandas") if name not in sys.modules]
sys.modules.update(dict.fromkeys(_hidden))  # type: ignore[arg-type] # None: an import of it fails at once
try:
    import sqlite_utils  # noqa: F401
finally:
    for _name in _hidden:
        del sys.modules[_name]
