"""Holds a live server against tus 1.0.0 and api.md: `raw_tus.py [part of a check's name]`.

Besides what settings.py says (with a service key that has both grants), it wants
JOBS        fresh job ids of CUSTODE_USER, separated by commas: one per check that needs an object (about 40)
OTHER_USER  the id of another user, to whom none of this belongs
FILE        a WAV file of 8 KiB or more
ORIGIN      an origin that the server's CORS allows; the CORS checks are left out without it
"""

import checks
import tus_core  # noqa: F401
import tus_creation  # noqa: F401
import tus_extensions  # noqa: F401
import tus_interrupted  # noqa: F401

checks.run()
