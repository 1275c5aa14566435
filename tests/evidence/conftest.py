from __future__ import annotations

import sys
from pathlib import Path

# Tests are imported without packages (importlib mode), and share simulated.py.
sys.path.insert(0, str(Path(__file__).parent))
