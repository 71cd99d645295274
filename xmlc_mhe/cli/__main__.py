"""`python -m xmlc_mhe.cli`: the same as `xmlc-mhe`."""

import sys

from . import main

if __name__ == "__main__":
    sys.exit(main())
