import sys

from services.process.loading import loading

with loading():
    from services.cli.main import main

sys.exit(main())
