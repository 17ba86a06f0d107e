"""The broker that is a folder: kombu's own, but a message appears there whole.

Kombu makes the file under its name and then writes it. A worker that reads it in between finds nothing in it, and dies of that.
"""

import os
import time
from typing import Any

from kombu import transport
from kombu.transport import filesystem
from kombu.utils.encoding import str_to_bytes
from kombu.utils.json import dumps
from kombu.utils.uuid import uuid


class Channel(filesystem.Channel):
    def _put(self, queue: Any, payload: Any, **_kw: Any) -> None:  # type: ignore[override]  # as kombu's own does
        # A reader takes those first whose names sort first: of this machine's clock, in milliseconds, as kombu has it.
        name = f"{round(time.monotonic() * 1000)}_{uuid()}"
        whole = os.path.join(self.data_folder_out, f"{name}.{queue}.msg")
        part = os.path.join(self.data_folder_out, f"{name}.part")
        with open(part, "wb") as file:
            file.write(str_to_bytes(dumps(payload)))
        os.replace(part, whole)


class Transport(filesystem.Transport):
    Channel = Channel


def use() -> None:
    """Have `filesystem://` mean this one in this process."""
    transport.TRANSPORT_ALIASES["filesystem"] = f"{__name__}:Transport"
