"""What every client in this folder is told through the environment.

SUPABASE_URL     the project, e.g. http://127.0.0.1:8000
SUPABASE_KEY     a token of the service role
"""

import os
import sys

URL = os.environ["SUPABASE_URL"] + "/storage/v1"
KEY = os.environ["SUPABASE_KEY"]
HEADERS = {"Authorization": f"Bearer {KEY}", "apikey": KEY}


def demand(condition, sentence):
    if not condition:
        print(sentence, file=sys.stderr)
        sys.exit(1)
    print("ok " + sentence)


def equal(found, wanted, sentence):
    demand(found == wanted, sentence if found == wanted else f"{sentence}: {found!r}, not {wanted!r}")
