"""What neonize imports for link previews and media is left out of the gateway."""

import json
import subprocess
import sys

from butler.transports.whatsapp.gateway.unused_imports import UNUSED

CODE = """
import json, sys
from butler.transports.whatsapp.gateway import unused_imports
unused_imports.leave_out()
import butler.transports.whatsapp.gateway.service
from PIL import Image
try:
    Image.open("picture")
except RuntimeError as error:
    said = str(error)
packages = (sys.modules.get(name) for name in unused_imports.UNUSED)
loaded = [each.__name__ for each in packages if getattr(each, "__file__", None)]
unused_imports.bring_back("httpx")
import httpx
print(json.dumps([said, loaded, httpx.Client.__name__]))
"""


def test_the_gateway_works_without_them():
    run = subprocess.run([sys.executable, "-c", CODE], capture_output=True, check=True)

    said, loaded, brought_back = json.loads(run.stdout.splitlines()[-1])
    assert said == "PIL.Image.open was left out of the gateway"
    assert loaded == []
    assert brought_back == "Client"
    assert "requests" in UNUSED
